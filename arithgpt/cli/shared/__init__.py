"""What several commands share: options, reports, drawings, and how commands are loaded."""
