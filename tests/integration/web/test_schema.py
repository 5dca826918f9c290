"""Schemathesis over the page's own document: no server error for who is logged in, nothing open for who is not."""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error

from tests.integration.web.stand import Client, Stand

_EXAMPLES = settings(
    max_examples=120,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
#: It never ends; a server's limit and a stranger's 401 have tests of their own. Logging out ends what is tested.
_LEFT_OUT = "/api/events"
_ENDS_THE_SESSION = ("/api/logout", "/api/login")


def test_no_server_error_whatever_is_asked(stand: Stand, client: Client) -> None:
    stand.some_trades()
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    headers = {"Cookie": cookie, **stand.origin}
    seen: set[str] = set()

    @_EXAMPLES
    @given(case=_cases(client, but=(_LEFT_OUT, *_ENDS_THE_SESSION)))
    def ask(case: schemathesis.Case) -> None:
        response = case.call(base_url=stand.url, headers=headers)
        seen.add(f"{case.method} {case.operation.path}")
        case.validate_response(response, checks=[not_a_server_error])
        assert response.status_code != 401

    ask()
    assert len(seen) > 10


def test_no_stranger_is_answered_whatever_is_asked(stand: Stand, client: Client) -> None:
    @_EXAMPLES
    @given(case=_cases(client, but=("/healthz",)))
    def ask(case: schemathesis.Case) -> None:
        headers = {**stand.origin, "Cookie": f"nija_{stand.page.port}=guess"}
        response = case.call(base_url=stand.url, headers=headers)
        assert response.status_code in (400, 401, 413, 422, 429), (case.method, case.path, response.status_code)

    ask()
    assert stand.ledger.take_command() is None


def _cases(client: Client, but: tuple[str, ...]) -> st.SearchStrategy[schemathesis.Case]:
    schema = schemathesis.openapi.from_dict(client.get("/api/openapi.json").json())
    operations = [found.ok() for found in schema.get_all_operations()]
    return st.one_of([one.as_strategy() for one in operations if one.path not in but])
