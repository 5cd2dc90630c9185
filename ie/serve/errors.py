"""Why a request is not answered, with its HTTP status."""


class RequestError(Exception):
    """A request that cannot be answered; `code` is a word for programs, the message for persons."""

    def __init__(self, status: int, code: str, message: str, retry: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry = retry

    def to_dict(self) -> dict[str, dict[str, str]]:
        """Return the JSON form."""
        return {"error": {"code": self.code, "message": str(self)}}


def bad_request(message: str) -> RequestError:
    """The request is not what it should be."""
    return RequestError(422, "invalid", message)


def too_busy() -> RequestError:
    """As many requests wait as the service takes."""
    return RequestError(503, "busy", "too many requests are waiting; try again", retry=2)


def too_slow(seconds: float) -> RequestError:
    """The answer was not there in time."""
    return RequestError(504, "timeout", f"not answered in {seconds:g} seconds; send fewer texts")


def closing() -> RequestError:
    """The service is being stopped."""
    return RequestError(503, "closing", "the service is stopping", retry=10)
