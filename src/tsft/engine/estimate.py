"""How much memory a run will need at its peak, from the shapes of its model and of its longest batch.

Plain arithmetic over whole numbers: `sketch.py` reads the shapes off a model without weights. What autograd keeps was
read from transformers' layers and PEFT's forward; `benchmarks/memory_estimate.py` holds the result against reality.
"""

from dataclasses import dataclass

from tsft.run.readiness import MemoryPart

FLOAT, HALF = 4, 2
# Bytes of state for each trained parameter, by a part of the optimizer's name; the first that fits counts.
_STATES = (
    ("layerwise", 3), ("galore", 3), ("apollo", 3), ("lomo", 0), ("badam", 1),
    ("adafactor", 1), ("sgd", 0), ("ademamix_8bit", 3), ("ademamix", 12),
    ("lion_8bit", 1), ("lion", 4), ("rmsprop_bnb_8bit", 1), ("rmsprop", 4), ("adagrad", 4), ("muon", 4),
    ("4bit", 1), ("8bit", 2),
)  # fmt: skip
_ADAM_STATES = 8
# On a CPU: what the C library holds of freed buffers by the time of the peak, as a share of one forward's layers. An
# adapter makes and frees three buffers beside each linear, and they leave holes; without one there is less to hold.
# Fitted with glibc on 59 cases of 4 M to 135 M parameters and 300 to 33,000 tokens, which then lie within 0.86 to 1.17.
_HELD_ADAPTED, _HELD_ADAPTED_HALF, _HELD_PLAIN = 0.9, 0.6, 0.35


@dataclass(frozen=True)
class Sizes:
    """What of a model decides over memory. Widths are elements a token; sums go over all layers that gradients reach.

    layers: those that gradients reach. query, key, forward: widths of the attention and of the feed-forward part.
    own_inputs: of all linears whose input is kept; shared_inputs: the same, inputs that several read counted once.
    adapted_inputs, ranks: of the linears with an adapter. trained_norms: widths of the norms that train.
    trained_matrices: parameters that are cast for 16-bit arithmetic. largest_trained: parameters of the largest tensor.
    tied_trained: parameters of an embedding that trains and is the head as well. file_bytes: weights on disk.
    quantisable: weights that can be held in few bits, the largest matrix among them.
    """

    parameters: int
    trained: int
    hidden: int
    query: int
    key: int
    forward: int
    heads: int
    vocabulary: int
    layers: int
    is_gated: bool = True
    norms_queries: bool = False
    own_inputs: int = 0
    shared_inputs: int = 0
    adapted_inputs: int = 0
    ranks: int = 0
    trained_norms: int = 0
    trained_matrices: int = 0
    largest_trained: int = 0
    tied_trained: int = 0
    encoder_layers: int = 5
    file_bytes: int = 0
    quantisable: int = 0
    largest_quantisable: int = 0


@dataclass(frozen=True)
class Batch:
    """The longest batch. tokens: positions of a row with its padding; labelled, patches: of all its rows."""

    rows: int
    tokens: int
    labelled: int
    patches: int


@dataclass(frozen=True)
class Plan:
    """How the run computes. frozen_bytes: of a weight that does not train; quantised_bytes: of one that is quantised,
    with its share of the scales, 0 when none is. kept_trained: whether what trains is kept once more as it was, to
    compare with. beside_bytes: weights of another model.
    """

    is_half: bool = False
    frozen_bytes: float = FLOAT
    attention: str = "sdpa"
    checkpointing: bool = False
    optimizer: str = "adamw_torch"
    accumulates: bool = False
    dropout: bool = False
    on_gpu: bool = False
    quantised_bytes: float = 0.0
    kept_trained: bool = False
    beside_bytes: int = 0


def memory_parts(sizes: Sizes, batch: Batch, plan: Plan, process_bytes: int) -> tuple[MemoryPart, ...]:
    """The parts at the worst of four moments: weights being read, start and end of backward, optimizer step."""
    weights = weights_bytes(sizes, plan) + (sizes.trained * FLOAT if plan.kept_trained else 0) + plan.beside_bytes
    gradients = sizes.trained * FLOAT
    states = sizes.trained * state_bytes(plan.optimizer)
    activations = kept_bytes(sizes, batch, plan)
    held = 0 if plan.on_gpu else round(_held_share(sizes, plan) * _layers_bytes(sizes, batch, plan))
    working = held + _working(sizes, batch, plan)
    left = max(0, held - gradients)  # gradients come to lie where activations were
    update = sizes.trained * FLOAT if plan.on_gpu else 2 * sizes.largest_trained * FLOAT
    moments = (
        # weights, gradients, optimizer, activations, working
        (weights, 0, 0, 0, 0 if plan.on_gpu else sizes.file_bytes),
        (weights, gradients if plan.accumulates else 0, states, activations, working),
        (weights, gradients, states, 0, left + sizes.tied_trained * FLOAT),
        (weights, gradients, states, 0, left + update),
    )
    names = ("weights", "gradients", "optimizer", "activations", "working")
    worst = max(moments, key=sum)
    return (MemoryPart("process", process_bytes), *map(MemoryPart, names, worst))


def weights_bytes(sizes: Sizes, plan: Plan) -> int:
    """All weights: trained ones in float32, quantised ones in few bits, the rest as the run computes."""
    few = sizes.quantisable if plan.quantised_bytes else 0
    rest = sizes.parameters - sizes.trained - few
    return round(few * plan.quantised_bytes + rest * plan.frozen_bytes) + sizes.trained * FLOAT


def state_bytes(optimizer: str) -> int:
    """Bytes of optimizer state for each trained parameter."""
    return next((size for part, size in _STATES if part in optimizer), _ADAM_STATES)


def kept_bytes(sizes: Sizes, batch: Batch, plan: Plan) -> int:
    """What autograd keeps for backward."""
    tokens = batch.rows * batch.tokens
    layers = _layers_bytes(sizes, batch, plan)
    if plan.checkpointing and sizes.layers:
        layers = layers // sizes.layers + tokens * sizes.hidden * _residual_width(plan) * sizes.layers
    encoder = 2 * sizes.encoder_layers * batch.patches * sizes.hidden * FLOAT
    # Logits in the arithmetic's type, in float32, and their log-softmax.
    logits = batch.labelled * sizes.vocabulary * ((HALF if plan.is_half else FLOAT) + 2 * FLOAT)
    casts = sizes.trained_matrices * HALF if plan.is_half else 0
    return layers + encoder + logits + casts


def _held_share(sizes: Sizes, plan: Plan) -> float:
    if not sizes.ranks:
        return _HELD_PLAIN
    return _HELD_ADAPTED_HALF if plan.is_half else _HELD_ADAPTED


def _residual_width(plan: Plan) -> int:
    """Bytes of a number between the layers: embeddings that train keep them in float32."""
    return HALF if plan.is_half and plan.frozen_bytes <= HALF else FLOAT


def _layers_bytes(sizes: Sizes, batch: Batch, plan: Plan) -> int:
    width = HALF if plan.is_half else FLOAT
    # Both norms keep their input in float32; attention keeps queries, keys and values a head, and its output.
    norms = 2 * sizes.hidden * FLOAT
    if sizes.norms_queries:
        norms += (sizes.query + sizes.key) * FLOAT
    attention = 4 * sizes.query * width
    if plan.attention == "eager":
        attention += sizes.heads * batch.tokens * (FLOAT + (width if plan.is_half else 0))
    forward = (3 if sizes.is_gated else 1) * sizes.forward * width
    inputs = sizes.own_inputs * HALF if plan.is_half else sizes.shared_inputs * FLOAT
    masked = sizes.adapted_inputs * (width + 1) if plan.dropout else 0
    kept = sizes.layers * (norms + attention + forward) + inputs + masked
    kept += sizes.ranks * width + sizes.trained_norms * _residual_width(plan)
    return batch.rows * batch.tokens * kept


def _working(sizes: Sizes, batch: Batch, plan: Plan) -> int:
    """Buffers of the operation at work: gradients of a layer's widest parts, or of the logits."""
    tokens = batch.rows * batch.tokens
    widest = 3 * tokens * max(sizes.forward, sizes.hidden) * FLOAT
    if plan.quantised_bytes:
        # A matrix is made whole for each product: in the type it was quantised from, then in the arithmetic's.
        widest += 2 * sizes.largest_quantisable * (HALF if plan.is_half else FLOAT)
    if plan.attention == "eager":
        widest = max(widest, 2 * tokens * sizes.heads * batch.tokens * FLOAT)
    return max(widest, 2 * batch.labelled * sizes.vocabulary * FLOAT)
