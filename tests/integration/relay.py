"""
Brings a server's port into a network: `relay.py NETWORK PORT`; a line of wire, and nothing more.

The embedded server listens on the loopback of the network that it was started in, and only there.
"""

import ctypes
import os
import socket
import sys
import threading

ADDRESS = ("10.77.0.1", 5432)
NEW_NETWORK = 0x40000000  # CLONE_NEWNET


def enter(network):
    """Let this thread live in another network from now on."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.open(f"/var/run/netns/{network}", os.O_RDONLY)
    assert libc.setns(handle, NEW_NETWORK) == 0, os.strerror(ctypes.get_errno())


def pump(source, sink):
    """Carry bytes one way until there are none."""
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        sink.close()


def main():
    """Listen in the network; each connection goes on from a thread that stayed outside."""
    network, port = sys.argv[1], int(sys.argv[2])
    accepted, ready = [], threading.Semaphore(0)

    def listen():
        enter(network)
        listener = socket.create_server(ADDRESS)
        print("listening", flush=True)
        while True:
            accepted.append(listener.accept()[0])
            ready.release()

    threading.Thread(target=listen, daemon=True).start()
    while True:
        ready.acquire()
        inner = accepted.pop()
        outer = socket.create_connection(("127.0.0.1", port))
        for pair in ((inner, outer), (outer, inner)):
            threading.Thread(target=pump, args=pair, daemon=True).start()


main()
