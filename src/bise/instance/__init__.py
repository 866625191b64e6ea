"""One running instance: its ports, workers and features brought together, watched, and given back.

General layout
- `instance`  the life of it: start, follow Linux, stop
- `ports`     opening and closing ports, and what each worker does with their queues
- `attachment` ports that change, go and come back with their interfaces
- `succession` one Bise replaced by another under traffic; `draining` is how nothing stays behind at an end
- `gating`    from gates, the mirror's state and the workers' to each port's gate word
- `verdicts`  which addresses are Linux's, told to the steering programs
- `replies`   what the reading verbs are answered
- `nodes`     users' nodes that come, change and go; `records` is what they remember
"""
