"""Files in and out: JSON Lines, inputs of `extract`, resumable output, facts as tables and pages."""
