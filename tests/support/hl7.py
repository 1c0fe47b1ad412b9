"""HL7 v2 messages of an invented hospital, short to write."""

NUMBER = "P1^^^HOSP^MR"


def message(kind: str, *segments: str, control_id: str = "C1", charset: str = "", sending: str = "PAS") -> bytes:
    """A message of this kind ("ADT^A08") with these segments after MSH."""
    header = f"MSH|^~\\&|{sending}|HOSP|VFX|RAD|20261121093000||{kind}|{control_id}|P|2.5.1||||||{charset}"
    return "\r".join([header, *segments, ""]).encode("iso8859-1" if charset == "8859/1" else "utf-8")


def pid(number: str = NUMBER, name: str = "Test^Patient", born: str = "19550301", sex: str = "F", **more: str) -> str:
    """PID; `died_at` is PID-29, `is_dead` PID-30."""
    fields = ["PID", "1", "", number, "", name, "", born, sex, *[""] * 20, more.get("died_at", "")]
    return "|".join([*fields, more.get("is_dead", "")])


def merge(surviving: str, earlier: str, control_id: str = "C1") -> bytes:
    """ADT^A40: the patient `earlier` is now `surviving`."""
    return message("ADT^A40^ADT_A39", pid(surviving), f"MRG|{earlier}", control_id=control_id)


def report(text: str, accession: str = "A1", number: str = NUMBER, **more: str) -> bytes:
    """ORU^R01 with a radiology report."""
    lines = [f"OBX|{at}|FT|59776-5^Findings^LN||{line}||||||F" for at, line in enumerate(text.split("\n"), start=1)]
    order = ["OBR", "1", "", f"{accession}^RIS", "CT^CT chest", *[""] * 13, accession, *[""] * 3, "20261120101500"]
    order += ["", more.get("department", "RAD"), more.get("status", "F")]
    extra = [f"OBX|99|HD|113014^DICOM Study^DCM||{more['study']}||||||O"] if "study" in more else []
    control_id = more.get("control_id", "C1")
    return message("ORU^R01^ORU_R01", pid(number), "|".join(order), *lines, *extra, control_id=control_id)
