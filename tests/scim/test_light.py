"""Does nobody wait for the directory's libraries who doesn't ask for the directory?"""

import subprocess
import sys

from tests.parts import ROOT, clean_environment

HEAVY = ("authlib", "joserfc", "scim2_models", "scim2_server", "lark", "email_validator")


def test_what_answers_calls_imports_none_of_them() -> None:
    said = subprocess.run(
        [sys.executable, "-c", f"import sys, app; print([one for one in {HEAVY!r} if one in sys.modules])"],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == "[]"
