"""A line between a client and a server, on which a test lets things go wrong."""

import re
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_PIECE = 65_536
_KEPT = 512  # of what passed before: what is looked for may be cut in two


class CutError(Exception):
    """The connection ends here, for both sides."""


class AnsweredError(Exception):
    """
    The server is not asked at all: somebody in between answers, and hangs up.

    Args:
        data: What is answered.
    """

    def __init__(self, data):
        super().__init__()
        self.data = data


@dataclass
class Passing:
    """
    One connection, as a fault sees it.

    Args:
        number: Which connection of the line it is.
        sent: The end of what the client has sent.
        answered: The end of what the server has sent.
        noted: For the fault's own use.
    """

    number: int
    sent: bytes = b""
    answered: bytes = b""
    noted: dict = field(default_factory=dict)


class Fault:
    """What goes wrong: nothing, until a method says otherwise."""

    def sends(self, passing, data):
        """Give what goes on to the server; raise CutError to end the connection."""
        return data

    def answers(self, passing, data):
        """Give what goes back to the client."""
        return data

    def connects(self, passing):
        """Let a connection begin, or raise CutError."""


@dataclass(frozen=True)
class Moment:
    """
    When something passes.

    Args:
        sent: What the client sends then.
        answer: What the server answers on that connection, where only that is the moment.
        nth: Which time.
    """

    sent: re.Pattern
    answer: re.Pattern | None = None
    nth: int = 1


class At(Fault):
    """
    Does something when moments have come, one after the other, and cuts the line.

    Args:
        do: What is done at the last of them: before it passes.
        moments: The moments.
        cuts: Whether the line is cut then, for good.
    """

    def __init__(self, do, *moments, cuts=True):
        self._do, self._moments, self._cuts = do, list(moments), cuts
        self._lock = threading.Lock()
        self._seen, self.over = 0, threading.Event()

    def sends(self, passing, data):
        with self._lock:
            self._refuse_after_the_end()
            if not self._moments:
                return data
            now = self._moments[0]
            if not self._is_new(now.sent, passing.sent, data):
                return data
            self._seen += 1
            if self._seen < now.nth:
                return data
            if now.answer is None:
                self._come()
            else:
                passing.noted["waits"] = now
            return data

    def answers(self, passing, data):
        with self._lock:
            self._refuse_after_the_end()
            now = passing.noted.get("waits")
            if now is not None and self._is_new(now.answer, passing.answered, data):
                del passing.noted["waits"]
                self._come()
            return data

    def connects(self, passing):
        self._refuse_after_the_end()

    def _refuse_after_the_end(self):
        if self._cuts and self.over.is_set():
            raise CutError

    def _come(self):
        self._seen = 0
        self._moments.pop(0)
        if not self._moments:
            self.over.set()
            self._do()
            if self._cuts:
                raise CutError

    @staticmethod
    def _is_new(pattern, before, data):
        """A match that ends in what comes now."""
        return any(found.end() > len(before) for found in pattern.finditer(before + data))


class Answers(Fault):
    """
    Answers some questions in place of the server.

    Args:
        asked: Which ones, by what the client sends.
        answer: What is answered; None to hang up.
        times: How many of them.
    """

    def __init__(self, asked, answer, times):
        self._asked, self._answer, self.left = asked, answer, times
        self._lock = threading.Lock()

    def sends(self, passing, data):
        with self._lock:
            if not self.left or not self._asked.search(data):
                return data
            self.left -= 1
        if self._answer is None:
            raise CutError
        raise AnsweredError(self._answer)


class Stalls(Fault):
    """
    Lets some questions wait for an answer that never comes.

    Args:
        asked: Which ones, by what the client sends.
        times: How many of them.
    """

    def __init__(self, asked, times):
        self._asked, self.left = asked, times
        self._lock = threading.Lock()

    def sends(self, passing, data):
        with self._lock:
            if self.left and self._asked.search(data):
                self.left -= 1
                passing.noted["stalls"] = True
        return b"" if passing.noted.get("stalls") else data


class CutsShort(Fault):
    """
    Lets only the beginning of some answers through.

    Args:
        asked: To which questions.
        length: How many bytes of each.
        times: Of how many.
    """

    def __init__(self, asked, length, times):
        self._asked, self._length, self.left = asked, length, times
        self._lock = threading.Lock()

    def sends(self, passing, data):
        with self._lock:
            if self.left and self._asked.search(data):
                self.left -= 1
                passing.noted["cut"] = True
        return data

    def answers(self, passing, data):
        if not passing.noted.pop("cut", False):
            return data
        passing.noted["ends"] = True
        return data[: self._length]


class Wire:
    """
    A line to a server, for as long as the body runs.

    Args:
        host: Where the server listens.
        port: On which port.
    """

    def __init__(self, host, port):
        self._upstream = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets, self._count = set(), 0
        self.fault = Fault()
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_told):
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self):
        """End every connection, as a cable does that somebody pulls."""
        for one in tuple(self._sockets):
            _end(one)

    @contextmanager
    def faulty(self, fault):
        """Let a fault happen meanwhile."""
        self.fault = fault
        try:
            yield fault
        finally:
            self.fault = Fault()

    def _listen(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._count += 1
            threading.Thread(
                target=self._carry, args=(client, Passing(self._count)), daemon=True
            ).start()

    def _carry(self, client, passing):
        try:
            self.fault.connects(passing)
            server = socket.create_connection(self._upstream)
        except (OSError, CutError):
            _end(client)
            return
        self._sockets |= {client, server}
        back = threading.Thread(
            target=self._pump, args=(server, client, passing, "answers"), daemon=True
        )
        back.start()
        self._pump(client, server, passing, "sends")
        back.join()
        self._sockets -= {client, server}

    def _pump(self, source, sink, passing, verb):
        kept = "sent" if verb == "sends" else "answered"
        with suppress(OSError, CutError):
            while data := source.recv(_PIECE):
                try:
                    on = getattr(self.fault, verb)(passing, data)
                except AnsweredError as instead:
                    source.sendall(instead.data)
                    break
                setattr(passing, kept, (getattr(passing, kept) + data)[-_KEPT:])
                sink.sendall(on)
                if passing.noted.get("ends"):
                    break
        _end(source)
        _end(sink)


def _end(one):
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
