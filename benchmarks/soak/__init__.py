"""Whether the splitter's memory grows over time, under everything at once."""
