"""Whole collections in a folder of open files, and back; vectors alone in one file, and back."""
