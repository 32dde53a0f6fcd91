"""One model is built at a time in a process: while it builds one, transformers puts other functions into its classes.

`initialization.no_tie_weights` of transformers 5 replaces `PreTrainedModel.tie_weights` and puts back what it found. Of
two threads that build at once one finds the other's replacement: its model misses the weights that are tied, and the
replacement may stay for good.
"""

import threading

BUILDING = threading.RLock()
