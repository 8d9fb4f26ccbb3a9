"""Entry of the command `verdigris`."""

from rollout.cli import verdigris


def main() -> None:
    verdigris(prog_name="verdigris")


if __name__ == "__main__":
    main()
