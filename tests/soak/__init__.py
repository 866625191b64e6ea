"""The running product under everything that happens to a router, for as long as one likes (`script/soak`).

General layout
- `trial`    the router, its hosts, and the Bise that is started again and again
- `flows`    traffic that never stops
- `events`   what happens, in an order drawn by chance from a seed
- `watch`    what must hold after each event, and what must not grow
- `answers`  whether packets leave as Linux says, for destinations drawn by chance
- `screen`   what is shown as it goes, and the table at the end
"""
