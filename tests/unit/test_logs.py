"""What a process writes to its log: one line an event, and never what a library or a database says of a patient."""

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
from vfx_finder.bootstrap import begin
begin()
import logging, threading, warnings, structlog
log = structlog.get_logger("worker")
log.warning("analysed", correlation_id="abcdef", state="settled")
logging.getLogger("django.request").warning("Not Found: /dicom-web/studies/1.2.840.99")
logging.getLogger("pydicom").error("Invalid value for PatientName DOE^JANE")
warnings.warn_explicit("Invalid value DOE^JANE", UserWarning, "valuerep.py", 1, module="pydicom.valuerep")
row = "DETAIL: Failing row contains (7, 1.2.3, DOE^JANE)"
try:
    raise RuntimeError(row)
except RuntimeError as error:
    log.exception("failed")
    log.error("failed", exc_info=error)
    logging.getLogger("django.request").error("Internal Server Error: %s", "/operations", exc_info=error)
def die():
    raise RuntimeError(row)
thread = threading.Thread(target=die)
thread.start()
thread.join()
"""


def logged(tmp_path: Path, log_format: str) -> list[str]:
    """The lines that the script writes as a process of its own."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("VFX_", "DJANGO_"))}
    environment |= {"VFX_DATA_DIR": str(tmp_path), "VFX_LOG_LEVEL": "DEBUG", "VFX_LOG_FORMAT": log_format}
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=True)
    return done.stderr.splitlines()


def test_a_log_collector_gets_one_object_a_line_and_no_patient(tmp_path: Path) -> None:
    lines = logged(tmp_path, "json")
    events = [json.loads(line) for line in lines]
    assert events[0] | {"timestamp": ""} == {
        "event": "analysed",
        "correlation_id": "abcdef",
        "state": "settled",
        "level": "warning",
        "logger": "worker",
        "timestamp": "",
    }
    failures = [event for event in events if "exception" in event]
    assert [event["logger"] for event in failures] == ["worker", "worker", "django.request", "vfx_finder.bootstrap"]
    assert all(event["exception"].endswith("RuntimeError") for event in failures)
    assert not [secret for secret in ("DOE", "1.2.840.99") if secret in "".join(lines)]


def test_the_lines_for_people_name_no_patient_either(tmp_path: Path) -> None:
    text = "\n".join(logged(tmp_path, "lines"))
    assert "analysed" in text
    assert "RuntimeError" in text
    assert "DOE" not in text
