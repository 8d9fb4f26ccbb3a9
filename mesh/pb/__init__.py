"""Generated protobuf code (`tools/gen_protos.py` writes it from `protos/`), in a descriptor pool of its own.

The pool is ours because protobuf's default one refuses two files that define the same names, and everybody who
speaks the Open Inference Protocol defines `inference.ModelInferRequest`: with the default pool, a process could
import this package or `tritonclient` or `kserve`, but not two of them.
"""

from typing import Final

from google.protobuf.descriptor_pool import DescriptorPool

POOL: Final = DescriptorPool()
