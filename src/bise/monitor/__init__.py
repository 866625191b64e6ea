"""Looking at a running Bise again and again: what `bise top` and `bise web` show.

General layout
- `snapshot`  all that an instance says at one moment
- `report`    a snapshot, and what has changed since the one before, per second
- `monitor`   the conversation that snapshots come from; it outlives the instance's restarts
"""
