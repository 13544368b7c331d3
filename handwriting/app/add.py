"""Add."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""


def main(arguments: argparse.Namespace) -> None:
    """Run."""
