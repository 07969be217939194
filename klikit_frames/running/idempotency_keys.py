"""How long a request may be sent again under its key: pure rules on times."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from .. import edge
from ..errors import RequestError, TransportError

if TYPE_CHECKING:
    from ..api.client import Client
    from .records import Request

# The API forgets a key after 24 hours (page idempotency); an hour is kept for clocks and slow requests.
KEY_LIFE = timedelta(hours=23)
# An age below zero by more than what clocks differ by proves nothing, so such a key is not trusted.
_DOUBT = timedelta(hours=1)


def is_key_expired(request: Request, *, server_now: datetime) -> bool:
    """Tell whether the API may have forgotten the key of a request that may have reached it.

    Parameters
    ----------
    request : Request
        As the journal has it: its time by our clock, and how far the server's was ahead. Where no answer
        ever told, ours is taken to have been right.
    server_now : datetime
        The present by the server's clock.
    """
    if not is_in_doubt(request) or request.sent_at is None:
        return False
    age = server_now - (request.sent_at + timedelta(seconds=request.clock_offset_s or 0.0))
    return not -_DOUBT < age < KEY_LIFE


def is_in_doubt(request: Request) -> bool:
    """Tell whether the API may know a request that is still open."""
    return request.state.is_open and request.state.may_have_arrived


def ask_server_time(client: Client) -> datetime | None:
    """Return the present by the server's clock, as it tells it now; None if nobody answers.

    An earlier answer's date is not good enough: this machine's clock may have been set since. A server that
    answers without a date is taken to have the time of this machine.
    """
    try:
        client.read("/brands")
    except TransportError:
        return None
    except RequestError:
        # A refusal tells the time as well as any other answer.
        pass
    return client.server_now() or edge.now()
