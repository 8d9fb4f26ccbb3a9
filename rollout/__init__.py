"""The operator's command `verdigris`: reads and writes Consul; the splitter needs none of it."""
