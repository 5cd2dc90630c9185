"""Evaluation reports: tables for people, JSON for programs, a page for looking at errors."""
