"""Scripts of what peers say at random, the stage they are played on, and how a failing one is made small."""
