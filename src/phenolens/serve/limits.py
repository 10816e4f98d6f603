"""What the server takes at most, and how often from one client."""

from typing import NamedTuple

EXPLAINED_BASES = {  # of one request: what a method asks of the model grows with them, by a factor of its own
    "alrw": 100_000,
    "gradient_x_input": 50_000,
    "integrated_gradients": 10_000,
    "occlusion": 10_000,
    "mutagenesis": 1_000,
}
MOST_CLIENTS = 4096  # whose buckets are remembered
BURST_SECONDS = 2


class Limits(NamedTuple):
    """What one request, one client and all together may ask for; more is refused with a sentence.

    body_bytes : of a request's body.
    sequences, bases, longest : of one request; bases are those of all its sequences, `longest` those of one.
    explained : sequences of one request for base scores; EXPLAINED_BASES has their bases.
    waiting : requests that wait for the model or are worked on.
    connections : open at once.
    rate : requests a second of one client address; twice as many may come at once.
    body_seconds, seconds : for a body to arrive, and for its answer.
    stop_seconds : for requests under way when the server stops.
    """

    body_bytes: int = 1 << 20
    sequences: int = 1000
    bases: int = 500_000
    longest: int = 100_000
    explained: int = 50
    waiting: int = 256
    connections: int = 512
    rate: float = 1000.0
    body_seconds: float = 20.0
    seconds: float = 120.0
    stop_seconds: int = 20


class Refusal(Exception):  # noqa: N818  # an answer, not a failure of the program
    """A request that gets a sentence instead of an answer.

    Parameters
    ----------
    status : of HTTP, 400 to 599.
    sentence : what was found, what was expected.
    retry : seconds after which to ask again, where that helps.
    """

    def __init__(self, status: int, sentence: str, *, retry: int | None = None) -> None:
        self.status, self.sentence, self.retry = status, sentence, retry
        super().__init__(sentence)


class Buckets:
    """A token bucket a client: it fills with `rate` tokens a second up to two seconds' worth, and a request takes one."""

    def __init__(self, rate: float) -> None:
        self.rate, self.size = rate, max(1.0, rate * BURST_SECONDS)
        self.left: dict[str, tuple[float, float]] = {}  # client -> tokens, and when

    def take(self, client: str, now: float) -> float:
        """Return 0 and take a token, or, where there is none, the seconds until there is one.

        Parameters
        ----------
        client : address.
        now : seconds of a clock that only goes forward.
        """
        tokens, since = self.left.pop(client, (self.size, now))
        tokens = min(self.size, tokens + (now - since) * self.rate)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self.rate
        # the one asked for longest ago is the first to be forgotten: its bucket is the fullest
        self.left[client] = (tokens if wait else tokens - 1, now)
        if len(self.left) > MOST_CLIENTS:
            del self.left[next(iter(self.left))]
        return wait
