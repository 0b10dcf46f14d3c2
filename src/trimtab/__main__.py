"""`python -m trimtab` is `trimtab`."""

from trimtab.surfaces.cli import main

if __name__ == "__main__":
    main()
