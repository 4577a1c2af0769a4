import pytest

from preview.logging_command import disarmed


@pytest.mark.parametrize(
    "told", ["##vso[task.complete]", "##[error]no", "###[group]", "##VSO[x]", "#\u200b#v\u00adso[x]"]
)
def test_a_command_of_the_agent_is_broken_wherever_it_stands(told: str) -> None:
    found = disarmed(f"a {told} b {told}\n{told}")
    seen = "".join(each for each in found if each.isprintable() and each.isascii())
    assert "##[" not in seen
    assert "##vso[" not in seen.lower()
    assert seen.count("# #") == 3


@pytest.mark.parametrize(
    "told", ["## Heading", "#[x]", "## [link](there)", "a ## b[0]", "##vso", "C# [x]", "# #vso[x]"]
)
def test_any_other_text_stays_as_it_is(told: str) -> None:
    assert disarmed(told) == told
