"""What a browser and Prometheus see of the Bises on this machine. A process of its own that only asks: it holds no port
and changes nothing, and a Bise runs the same with it and without.

General layout
- `hub`          looks at each instance once a second, keeps the last minutes, tells those who listen
- `point`        what charts need of a look
- `application`  the addresses: the page, its live events, the metrics
- `metrics`      the same figures by Prometheus's conventions
- `server`       listens, and ends cleanly
- `page/`        what the browser gets, as it lies there: no build, nothing from elsewhere
"""
