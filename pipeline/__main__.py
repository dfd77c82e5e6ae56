"""`python -m pipeline` is `gongdan`."""

from pipeline.cli import main

if __name__ == "__main__":
    main()
