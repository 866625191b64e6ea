"""`python -m bise` is `bise`; so `python -m pdb -m bise replay …` debugs the whole router."""

from bise.cli import main

if __name__ == "__main__":
    main()
