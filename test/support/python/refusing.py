"""Runs a program under a filter (seccomp(2)) that refuses some system calls: refusing.py ERRNO CALL,CALL COMMAND..."""
import ctypes
import errno
import os
import platform
import struct
import sys

# Numbers on x86_64 and aarch64 (asm/unistd.h, asm-generic/unistd.h).
numbers = {
    "accept4": (288, 242),
    "clone3": (435, 435),
    "epoll_create1": (291, 20),
    "eventfd2": (290, 19),
    "mount": (165, 40),
    "namespaces": (56, 220),
    "packets": (41, 198),
    "pidfd_getfd": (438, 438),
    "pipe2": (293, 59),
    "process_vm_readv": (310, 270),
    "recvmmsg": (299, 243),
    "sendmmsg": (307, 269),
    "splice": (275, 76),
    "unshare": (272, 97),
}
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
RET_ERRNO, RET_ALLOW = 0x00050000, 0x7FFF0000
LOAD_WORD, JUMP_IF_EQUAL, JUMP_IF_ANY, RETURN = 0x20, 0x15, 0x45, 0x06
# The first argument: what makes clone(2) one for "namespaces", and socket(2) one for "packets".
FIRST_AT, CLONE_NEW, AF_PACKET = 16, 0x7E020000, 17


def instruction(code, constant, jump_true=0, jump_false=0):
    return struct.pack("=HBBI", code, jump_true, jump_false, constant)


refusal = RET_ERRNO | getattr(errno, sys.argv[1])
program = instruction(LOAD_WORD, 0)  # seccomp_data.nr
for name in sys.argv[2].split(","):
    number = numbers[name][platform.machine() == "aarch64"]
    refused = [instruction(RETURN, refusal)]
    some = {"namespaces": (JUMP_IF_ANY, CLONE_NEW), "packets": (JUMP_IF_EQUAL, AF_PACKET)}.get(name)
    if some:
        first = [instruction(LOAD_WORD, FIRST_AT), instruction(*some, 1, 0), instruction(RETURN, RET_ALLOW)]
        refused = first + refused
    program += instruction(JUMP_IF_EQUAL, number, 0, len(refused)) + b"".join(refused)
program += instruction(RETURN, RET_ALLOW)
memory = ctypes.create_string_buffer(program, len(program))
libc = ctypes.CDLL(None, use_errno=True)
filter = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(memory)))
for call in [(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter, 0, 0)]:
    if libc.prctl(*call) != 0:
        sys.exit(f"Cannot refuse system calls: {os.strerror(ctypes.get_errno())}")
os.execvp(sys.argv[3], sys.argv[3:])
