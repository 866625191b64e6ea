"""A worker: one thread on one core that runs the plan it finds, burst by burst, and never stops for a change.

General layout of its memory: `Worker` points to the `Plan` in force, which lists the worker's receive queues, its
transmit lanes (one a port) and the state of each feature. The control thread publishes a new plan with one store; the
worker reads that pointer once a round and says so in `epoch`. Only the worker writes what it counts.

A worker that hands packets to others promises no more than they do: where one of them hangs, the queue's traffic is the
kernel's as if its receiver hung.
"""

from bise.engine.ring import waiting
from bise.hot import (
    Header,
    add64,
    call3,
    cycles,
    entry,
    external,
    fence,
    hot,
    le16,
    le32,
    le64,
    load64,
    load_acquire,
    mul64,
    pause,
    shift_right64,
    store64,
    store_release,
    sub64,
)

BURST = 64  # packets; with a bit of a word for each, tables note how far its questions have come
LANE_ROOM = 2 * BURST  # each of a burst, and a copy of it
QUERIES = 4  # kinds of look-up that bursts make together, at most
ALIVE_NS = 5_000_000  # how far ahead a running worker moves its deadlines
PROMISE_NS = 100_000  # and how often: steering programs on other cores read them for each packet
DOZE_NS = 4_000_000  # the longest sleep of an idle worker: with ALIVE_NS, the kernel has a dead one's ports in 9 ms
NAP_NS = 50_000  # and of one with a port that can't wake it
SPIN_ROUNDS = 4096  # empty rounds before an adaptive worker sleeps
REBASE_CYCLES = 1 << 20  # how long the cycle counter is trusted before the clock is read again
POLL, ADAPTIVE, INTERRUPT = 0, 1, 2
HANDED = 0x200  # kind of the queues and lanes that lead from worker to worker

_clock_gettime = external("clock_gettime", "i32", ("i32", "i64"))
_ppoll = external("ppoll", "i32", ("i64", "i64", "i64", "i64"))
_read = external("read", "i64", ("i32", "i64", "i64"))


class Worker(Header):
    """What one worker and the control thread share; 64-octet lines by writer."""

    plan = le64()  # address of the Plan in force; written by control
    stop = le64()  # not 0: return; written by control
    mode = le64()  # POLL, ADAPTIVE or INTERRUPT; written by control
    nanoseconds = le64()  # a cycle's length in ns, times 2^32; written by control
    received = le64()  # address of BURST packet addresses; scratch
    finished = le64()  # address of BURST packet addresses: to be freed after the burst; scratch
    punting = le64()  # address of the worker's Punting record
    epoch = le64()  # rounds begun; written by the worker, from here on
    now = le64()  # CLOCK_MONOTONIC in ns at the start of the last round
    busy = le64()  # rounds that received something
    idle = le64()  # empty rounds in succession
    base_cycles = le64()  # the cycle counter when the clock was last read
    base = le64()  # what the clock said then, in ns
    seconds = le64()  # struct timespec for clock_gettime and ppoll
    fraction = le64()
    asleep = le64()  # times that it slept
    spare = le64()  # address of an empty packet for the next timer, 0: none yet
    originated = le64()  # packets that timers made
    copy = le64()  # address of the packet that becomes a copy; scratch
    copied = le64()  # copies that nodes asked for and got
    uncopied = le64()  # and those that there was no memory or room for
    promised = le64()  # when the deadlines were last moved, in ns; 0: they have to be
    questions = le64(constant=True)  # address of BURST Questions for each of QUERIES, and of nobody's; scratch
    asked = le64(constant=True)  # address of BURST addresses of Questions, by packet; scratch
    alive = le64()  # until when, in ns, it promises to be alive; others read it, so a line of its own begins here
    sleeping = le64()  # not 0: it sleeps, or is about to; who hands it a packet sets 0 and wakes it
    woken = le64()  # what was read from the bell; scratch


class Plan(Header):
    """What a worker does: immutable once published."""

    pipeline = le64(constant=True)  # address of the burst function (worker, plan, queue) -> packets received
    queues = le64(constant=True)  # address of an array of Queue addresses
    queue_count = le64(constant=True)
    lanes = le64(constant=True)  # address of an array of Lane records, by port number
    lane_count = le64(constant=True)
    states = le64(constant=True)  # address of an array of addresses: each feature's state
    descriptors = le64(constant=True)  # address of an array of struct pollfd for all queues that have one
    descriptor_count = le64(constant=True)
    blind = le64(constant=True)  # queues without a descriptor to sleep on
    counts = le64(constant=True)  # address of a 64-bit counter for each sink of the pipeline
    tick = le64(constant=True)  # address of the function (worker, plan, ending) -> packets that calls timers; 0: none
    due = le64(constant=True)  # address of an array: when each timer is due, in ns; written by the worker
    timers = le64(constant=True)  # how many there are
    watch = le64(constant=True)  # address of the Watch record where `pipeline` is the instrumented twin, else 0
    peers = le64(constant=True)  # address of an array: of the `alive` of each worker that this one depends on
    peer_count = le64(constant=True)
    bell = le64(constant=True)  # descriptor that wakes this worker where others hand it packets


class Queue(Header):
    """A receive queue of one worker."""

    driver = le64(constant=True)  # address of the driver's own record
    deadline = le64(constant=True)  # address of the word that says until when, in ns, the worker promises to be alive
    kind = le16(constant=True)  # number of the driver kind, as the pipeline writer knows it
    port = le16(constant=True)  # port number
    straight = le32(constant=True)  # not 0: what comes from Linux itself goes out by this port number less one
    punting = le64(constant=True)  # descriptor to write punted packets to
    overload = le64(constant=True)  # address of the word that leaves the port to the kernel until then; 0: no kernel
    received = le64()  # packets; written by the worker
    octets = le64()  # written by the worker
    punted = le64()  # packets given to Linux; written by the worker


class Lane(Header):
    """What a worker sends through one port: gathered during a burst, flushed after it."""

    driver = le64()  # address of the driver's own transmit record, 0: the port is gone
    kind = le32()
    count = le32()  # packets gathered
    sent = le64()  # packets
    octets = le64()
    dropped = le64()  # packets that the driver had no room for
    packets = le64()  # the first of LANE_ROOM packet addresses


_STOP, _PLAN, _EPOCH = Worker.stop.offset, Worker.plan.offset, Worker.epoch.offset
_SECONDS, _SLEEPING, _WOKEN = Worker.seconds.offset, Worker.sleeping.offset, Worker.woken.offset
LANE_OCTETS = Lane.size + 8 * LANE_ROOM  # no power of two, so lanes don't share cache sets


@hot
def _read_clock(worker):
    _clock_gettime(1, worker.address + _SECONDS)
    worker.base_cycles = cycles()
    worker.base = worker.seconds * 1_000_000_000 + worker.fraction
    return worker.base


@hot
def tell_time(worker):
    """CLOCK_MONOTONIC in ns, by the cycle counter where the clock was read a moment ago."""
    spent = sub64(cycles(), worker.base_cycles)
    if spent < 0 or spent > REBASE_CYCLES:
        return _read_clock(worker)
    return add64(worker.base, shift_right64(mul64(spent, worker.nanoseconds), 32))


@hot
def _promise(worker, plan, deadline):
    """Tells the steering programs of all queues that the worker, and whoever it hands packets to, is alive until
    `deadline`, in ns, or until then."""
    worker.alive = deadline
    for number in range(plan.peer_count):
        deadline = min(deadline, load_acquire(load64(plan.peers + 8 * number)))
    for number in range(plan.queue_count):
        queue = Queue(load64(plan.queues + 8 * number))
        store64(queue.deadline, deadline)


@hot
def _keep_promise(worker, plan, now):
    if now - worker.promised >= PROMISE_NS:
        worker.promised = now
        _promise(worker, plan, now + ALIVE_NS)


@hot
def _longest_sleep(plan, now):
    """In ns: no timer becomes due meanwhile, and a port that can't wake the worker doesn't wait for long."""
    longest = NAP_NS if plan.blind > 0 else DOZE_NS
    for number in range(plan.timers):
        longest = min(longest, load64(plan.due + 8 * number) - now)
    return max(longest, 0)


@hot
def _rest(worker, plan, now):
    """Sleeps until a packet comes that can wake the worker, or as long as it may."""
    _promise(worker, plan, now + DOZE_NS + ALIVE_NS)
    worker.promised = 0
    worker.asleep += 1
    if plan.peer_count > 0:
        _sleep_lightly(worker, plan, now)
    else:
        _sleep(worker, plan, now)
    _read_clock(worker)


@hot
def _sleep(worker, plan, now):
    worker.seconds = 0
    worker.fraction = _longest_sleep(plan, now)
    _ppoll(plan.descriptors, plan.descriptor_count, worker.address + _SECONDS, 0)


@hot
def _sleep_lightly(worker, plan, now):
    """Sleeps unless another worker has handed something over: engine/ring.py says why that isn't missed."""
    store_release(worker.address + _SLEEPING, 1)
    fence()
    if _has_been_handed(plan) == 0:
        _sleep(worker, plan, now)
        _read(plan.bell, worker.address + _WOKEN, 8)
    store_release(worker.address + _SLEEPING, 0)


@hot
def _has_been_handed(plan):
    """How many packets other workers have handed to this one."""
    found = 0
    for number in range(plan.queue_count):
        queue = Queue(load64(plan.queues + 8 * number))
        if queue.kind == HANDED:
            found += waiting(queue.driver)
    return found


@hot
def _idle(worker, plan, now):
    worker.idle += 1
    if worker.mode == POLL:
        pause()
    elif worker.mode == INTERRUPT or worker.idle > SPIN_ROUNDS:
        _rest(worker, plan, now)
    else:
        pause()


@entry(1)
def work(address):
    """Runs until `stop`. The thread has to be registered with the packet pool and pinned by its caller."""
    worker = Worker(address)
    _read_clock(worker)
    while load_acquire(address + _STOP) == 0:
        plan = Plan(load_acquire(address + _PLAN))
        now = tell_time(worker)
        worker.now = now
        _keep_promise(worker, plan, now)
        packets = 0
        if plan.tick != 0:
            packets = call3(plan.tick, address, plan.address, 0)
        for number in range(plan.queue_count):
            packets += call3(plan.pipeline, address, plan.address, load64(plan.queues + 8 * number))
        if packets == 0:
            _idle(worker, plan, now)
        else:
            worker.idle = 0
            worker.busy += 1
        store_release(address + _EPOCH, worker.epoch + 1)
    plan = Plan(load_acquire(address + _PLAN))
    _promise(worker, plan, 0)
    if plan.tick != 0:
        call3(plan.tick, address, plan.address, 1)
    return 0
