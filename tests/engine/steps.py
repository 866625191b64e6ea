"""Nodes for tests of the engine: a packet's first octets say what is to become of it."""

from enum import IntEnum

from bise.engine.node import NOTHING, TRANSMIT, Drop, Insert, Part, Punt, PuntClass, To, node, query
from bise.engine.packet import extend
from bise.hot import Header, hot, le16, le64, nth, u8
from bise.tables.question import Question

CHANGED = 1 << 10  # added to a packet's question, it is another's


class State(Header):
    """What the nodes are given."""

    asked = le64()  # packets seen; written by the worker
    timed = le64()  # times that the clock called
    told = le64()  # times that a packet's Question was the one that its node would have put
    untold = le64()  # and that it was none or another one


class Word(Header):
    """The octets of a packet that the nodes read."""

    edge = u8()
    egress = u8()
    rounds = le16()  # how often it is still to be sent


class Begin(IntEnum):
    SEND = 0
    DROP = 1
    PUNT = 2
    URGENT = 3
    SHORT = 4
    ON = 5


@node(Begin, State)
def begin(packet, state, now):
    """Do as the packet says."""
    state.asked += 1
    if packet.length < 4:
        return Begin.SHORT
    word = Word(packet, 0)
    packet.egress = word.egress
    return word.edge if word.edge <= 5 else Begin.DROP


class Turn(IntEnum):
    SEND = 0
    OVER = 1


@node(Turn, State)
def turn(packet, state, now):
    """Send it back where it came from, so often and no more."""
    word = Word(packet, 0)
    if word.rounds == 0:
        return Turn.OVER
    word.rounds -= 1
    packet.egress = packet.port
    return Turn.SEND


class Tell(IntEnum):
    SEND = 0
    NOTHING = 1


@node(Tell, State)
def tell(packet, state, now):
    """Every second time there is something to say."""
    state.timed += 1
    if state.timed % 2 or not extend(packet, 60):
        return Tell.NOTHING
    Word(packet, 0).egress = 1
    packet.egress = 1
    return Tell.SEND


DROPPED = Drop("steps.dropped", "told to")
PUNTED = Punt("steps.punted", "told to")
URGENT = Punt("steps.urgent", "told to", PuntClass.CONTROL)
SHORT = Drop("steps.short", "fewer than four octets")
OVER = Drop("steps.over", "it has gone round")
PART = Part(
    {
        begin: {
            Begin.SEND: TRANSMIT,
            Begin.DROP: DROPPED,
            Begin.PUNT: PUNTED,
            Begin.URGENT: URGENT,
            Begin.SHORT: SHORT,
            Begin.ON: To("steps.turn", DROPPED),
        }
    }
)
TURNING = Part({turn: {Turn.SEND: TRANSMIT, Turn.OVER: OVER}})
TOLD = {tell: {Tell.SEND: TRANSMIT, Tell.NOTHING: NOTHING}}


class Weigh(IntEnum):
    ON = 0
    WRONG = 1


@hot
def _judge(packet, state):
    """ON where the packet's Question is the one that its node would put, and the answer right; also where it is not."""
    question = Question(packet.question)
    if question.table != state.address or question.high != Word(packet, 0).egress:
        state.untold += 1
        return Weigh.ON
    state.told += 1
    return Weigh.ON if question.answer == question.high + 1 else Weigh.WRONG


@node(Weigh, State)
def weigh(packet, state, now):
    """Whose question a whole burst puts."""
    return _judge(packet, state)


@node(Weigh, State)
def weigh_again(packet, state, now):
    """Stands behind the other: packets that have asked its question come here alone."""
    return _judge(packet, state)


@node(Weigh, State)
def weigh_told(packet, state, now):
    """For what the clock has made."""
    return _judge(packet, state)


@hot
def answer_all(state, questions, count):
    """The answer is one more than the question."""
    for number in range(count):
        question = nth(Question, questions, number)
        question.answer = question.high + 1


@hot
def _wonder(packet, state, of):
    """About the second octet, if it looks as if the packet had so many rounds to go, modulo 4; about another if 2."""
    if packet.length < 4 or Word(packet, 0).edge != Begin.ON or Word(packet, 0).rounds % 4 != of:
        return False
    question = Question(packet.question)
    question.high = Word(packet, 0).egress + (CHANGED if of == 2 else 0)
    question.table = state.address
    question.answer = -1
    return True


@query(weigh, answer_all)
def wonder(packet, state):
    """What will the answer be?"""
    return _wonder(packet, state, 0)


@query(weigh_again, answer_all)
def wonder_again(packet, state):
    """Will it be the same?"""
    return _wonder(packet, state, 1)


@query(weigh_told, answer_all)
def wonder_told(packet, state):
    """What would the answer be if the packet were another one?"""
    return _wonder(packet, state, 2)


WRONG = Drop("steps.wrong", "no answer, or another's")
WEIGHING = Part({weigh: {Weigh.WRONG: WRONG}}, (Insert(weigh, "steps.begin", "ON", Weigh.ON),), queries=(wonder,))
AGAIN = Part(
    {weigh_again: {Weigh.WRONG: WRONG}},
    (Insert(weigh_again, "steps.weigh", "ON", Weigh.ON),),
    queries=(wonder_again,),
)
WEIGHING_TOLD = Part(
    {weigh_told: {Weigh.WRONG: WRONG}},
    (Insert(weigh_told, "steps.tell", "SEND", Weigh.ON),),
    queries=(wonder_told,),
)
