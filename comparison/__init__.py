"""The instrument: planning, proving, measuring and timing runs side by side."""
