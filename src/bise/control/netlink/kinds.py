"""Numbers of rtnetlink messages and groups (linux/rtnetlink.h)."""

from enum import IntEnum

AF_INET, AF_INET6 = 2, 10
FAMILIES = {AF_INET: 4, AF_INET6: 6}
AF_OF_FAMILY = {4: AF_INET, 6: AF_INET6}


class Kind(IntEnum):
    """nlmsghdr.nlmsg_type, RTM_*."""

    NEW_LINK = 16
    DELETE_LINK = 17
    GET_LINK = 18
    NEW_ADDRESS = 20
    DELETE_ADDRESS = 21
    GET_ADDRESS = 22
    NEW_ROUTE = 24
    DELETE_ROUTE = 25
    GET_ROUTE = 26
    NEW_NEIGHBOUR = 28
    DELETE_NEIGHBOUR = 29
    GET_NEIGHBOUR = 30
    NEW_RULE = 32
    DELETE_RULE = 33
    GET_RULE = 34
    NEW_SETTINGS = 80
    DELETE_SETTINGS = 81
    GET_SETTINGS = 82
    NEW_NEXT_HOP = 104
    DELETE_NEXT_HOP = 105
    GET_NEXT_HOP = 106


class Group(IntEnum):
    """What can be subscribed to, RTNLGRP_*."""

    LINK = 1
    NEIGHBOUR = 3
    IPV4_ADDRESS = 5
    IPV4_ROUTE = 7
    IPV4_RULE = 8
    IPV6_ADDRESS = 9
    IPV6_ROUTE = 11
    IPV6_RULE = 19
    IPV4_SETTINGS = 24
    IPV6_SETTINGS = 25
    NEXT_HOP = 32
