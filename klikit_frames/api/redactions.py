"""The keys blacked out of what a server echoes: in its answers, and in the HTTP libraries' log of them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from .credentials import Credentials
from .wire import ApiResponse

# A filter acts on the records of its very logger, not on those of the loggers below it.
LOGGERS = (
    "httpx",
    *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")),
)


class Redaction(logging.Filter):
    """Lets every record pass, and blacks the keys of one credential out of it.

    Examples
    --------
    >>> import logging
    >>> from klikit_frames.api.credentials import Credentials, Secret
    >>> from klikit_frames.api.redactions import Redaction
    >>> keys = Credentials(partner_key=Secret("pk_live"), secret_key=Secret("sk_live"))
    >>> record = logging.makeLogRecord({"msg": "echo: %s", "args": ("sk_live",)})
    >>> Redaction(keys).filter(record), record.getMessage()
    (True, 'echo: ***')
    """

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record where it tells a key."""
        said = record.getMessage()
        if (told := self._credentials.scrub(said)) != said:
            record.msg, record.args = told, ()
        return True


def redact_logs(credentials: Credentials) -> Callable[[], None]:
    """Black the keys out of what the HTTP libraries log; return what ends it."""
    redaction, loggers = Redaction(credentials), [logging.getLogger(name) for name in LOGGERS]
    for logger in loggers:
        logger.addFilter(redaction)

    def end() -> None:
        for logger in loggers:
            logger.removeFilter(redaction)

    return end


def scrub_response(answer: ApiResponse | None, *, credentials: Credentials) -> ApiResponse | None:
    """Black the keys out of the words that are kept of an answer."""
    if answer is None:
        return None
    request_id = answer.request_id and credentials.scrub(answer.request_id)
    return replace(answer, message=credentials.scrub(answer.message), request_id=request_id)
