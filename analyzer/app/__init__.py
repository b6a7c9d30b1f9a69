"""Offline and live runners: files, threads, signals, progress and exit codes live here."""
