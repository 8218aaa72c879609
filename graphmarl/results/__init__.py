"""Run folders, statistics, tables and plots of results."""
