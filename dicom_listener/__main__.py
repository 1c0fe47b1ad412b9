"""`python -m dicom_listener`: the same as `vfx-finder listen`."""

from vfx_finder import bootstrap


def main() -> None:
    """Set up the process, then hear until told to stop. Raises `Broken` if the database does not answer."""
    settings = bootstrap.begin()
    bootstrap.require_database(settings)
    # Tables can be imported only after Django is set up.
    from dicom_listener.hear import hear

    hear(settings)


if __name__ == "__main__":
    main()
