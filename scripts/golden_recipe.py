"""The recipe's part of make_golden.py: recipe_*.json, plateau.json and dynamic_*.json in
tests/golden, for test_golden_recipe.c.

Each file recipe_*.json is a training of ten steps with one part of the recipe: an embedding, a tied
output, dropout of every kind, AdamW, a moving average, a schedule of the learning rate, or gradient
accumulation. plateau.json has the learning rates of another schedule, and dynamic_*.json the scores
of dynamic evaluation. PyTorch computes all numbers. Dropout has the masks that lyrnn draws: this
module has its own Philox4x32-10 and follows the formula in include/lyrnn/backend.h.
"""
import dataclasses
import itertools

import make_golden as base
import torch
from torch import nn
from torch.optim.lr_scheduler import (CosineAnnealingLR, LambdaLR, ReduceLROnPlateau,
                                      SequentialLR)
from torch.optim.swa_utils import AveragedModel

SHAPE = {"V": 7, "H": 4, "B": 4, "T": 5, "epochs": 2, "batches": 5}
NUM_STEPS, TRAINING_SEED = 10, 1
DROPOUT, DROPOUT_INPUT, DROPOUT_OUTPUT, DROPOUT_WEIGHT = 4, 7, 8, 9  # lyrnn/philox.h


@dataclasses.dataclass
class Recipe:
    """The options of one file, with lyrnn's names in config.json."""

    cell: str = "gru"
    num_layers: int = 1
    bidirectional: bool = False
    embedding_size: int = 0
    tied: bool = False
    dropout: float = 0
    dropout_input: float = 0
    dropout_output: float = 0
    dropout_weight: float = 0
    schedule: str = "constant"
    warmup_steps: int = 0
    weight_decay: float = 0
    no_momentum: bool = False
    beta2: float = 0.999
    average_decay: float = 0
    num_shards: int = 1

    @property
    def features(self):
        return SHAPE["H"] * (2 if self.bidirectional else 1)


E, ODD_E = SHAPE["H"], 3
RECIPES = {
    "embedding_lstm": Recipe("lstm", 2, embedding_size=ODD_E),
    **{f"tied_{cell}": Recipe(cell, 2, embedding_size=E, tied=True)
       for cell in ("lstm", "gru", "rnn_tanh")},
    **{f"projected_{cell}": Recipe(cell, 2, embedding_size=ODD_E, tied=True)
       for cell in ("lstm", "gru", "rnn_tanh")},
    "dropout_input": Recipe(embedding_size=E, dropout_input=0.4),
    "dropout_output": Recipe("lstm", dropout_output=0.4),
    "dropout_weight": Recipe("lstm", bidirectional=True, dropout_weight=0.3),
    "dropout_all": Recipe("gru", 2, embedding_size=ODD_E, tied=True, dropout=0.2,
                          dropout_input=0.3, dropout_output=0.4, dropout_weight=0.25),
    "adamw": Recipe(weight_decay=2),
    "beta2": Recipe(beta2=0.95),
    "no_momentum": Recipe(no_momentum=True),
    "average": Recipe(average_decay=0.35),
    "warmup": Recipe(warmup_steps=4),
    "cosine": Recipe(schedule="cosine"),
    "warmup_cosine": Recipe(schedule="cosine", warmup_steps=3),
    "accumulation": Recipe("lstm", num_shards=2),
    "everything": Recipe("lstm", 2, embedding_size=ODD_E, tied=True, dropout=0.2,
                         dropout_input=0.2, dropout_output=0.3, dropout_weight=0.3,
                         schedule="cosine", warmup_steps=3, weight_decay=2, beta2=0.98,
                         average_decay=0.4, num_shards=4),
}


def philox(key, counter):
    """Philox4x32-10 (Salmon et al. 2011): four numbers of 32 bits."""
    low = 0xFFFFFFFF
    for _ in range(10):
        first, second = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = (second >> 32 ^ counter[1] ^ key[0], second & low,
                   first >> 32 ^ counter[3] ^ key[1], first & low)
        key = (key[0] + 0x9E3779B9 & low, key[1] + 0xBB67AE85 & low)
    return counter


def mask(purpose, step, count, p, shape, dtype):
    """The factors of dropout, 0 or 1 / (1 - p), at the step: lyrnn_dropout_args."""
    values = []
    for place in range(step * count, (step + 1) * count):
        block = place // 4
        words = philox((TRAINING_SEED, 0), (block & 0xFFFFFFFF, block >> 32, purpose, 0))
        uniform = words[place % 4] * 2.0 ** -32 + 2.0 ** -33
        values.append(1 / (1 - p) if uniform > p else 0.0)
    return torch.tensor(values, dtype=dtype).view(shape)


class Masks:
    """The masks of one step for the whole batch. None: nothing is dropped at that place."""

    def __init__(self, recipe, step, dtype):
        steps, streams, hidden = SHAPE["T"], SHAPE["B"], SHAPE["H"]
        gates = {"lstm": 4, "gru": 3}.get(recipe.cell, 1)
        num = recipe.num_layers * (2 if recipe.bidirectional else 1)

        def draw(purpose, p, *shape):
            count = torch.Size(shape).numel()
            return mask(purpose, step, count, p, shape, dtype) if p > 0 else None

        self.layers = draw(DROPOUT, recipe.dropout, recipe.num_layers - 1, steps, streams,
                           recipe.features)
        self.input = draw(DROPOUT_INPUT, recipe.dropout_input, streams, recipe.embedding_size)
        self.output = draw(DROPOUT_OUTPUT, recipe.dropout_output, streams, recipe.features)
        self.weights = draw(DROPOUT_WEIGHT, recipe.dropout_weight, num, gates * hidden, hidden)


def dropped(values, factors):
    return values if factors is None else values * factors


class RecipeModel(nn.Module):
    """The tutorial's model with an embedding, a tied output, a projection and given masks. forward
    returns logits (T*B,V) and the last state, h or (h, c).
    """

    def __init__(self, recipe):
        super().__init__()
        self.recipe, size = recipe, recipe.embedding_size
        if size > 0:
            self.embedding = nn.Embedding(SHAPE["V"], size)
        self.rnn = base.LAYERS[recipe.cell](size or SHAPE["V"], SHAPE["H"],
                                            num_layers=recipe.num_layers,
                                            bidirectional=recipe.bidirectional)
        self.is_projected = recipe.tied and size != recipe.features
        if self.is_projected:
            self.projection = nn.Linear(recipe.features, size, bias=False)
        self.dense = nn.Linear(size if recipe.tied else recipe.features, SHAPE["V"])
        if recipe.tied:
            self.dense.weight = self.embedding.weight

    def recur(self, x, state, masks, streams):
        """The layers one by one, as nn.RNNBase.forward calls them, with W_hh after dropout."""
        directions = 2 if self.recipe.bidirectional else 1
        last = []
        for layer in range(self.recipe.num_layers):
            weights = []
            for direction in range(directions):
                suffix = f"l{layer}" + ("_reverse" if direction else "")
                index = layer * directions + direction
                factors = None if masks.weights is None else masks.weights[index]
                weights += [getattr(self.rnn, f"weight_ih_{suffix}"),
                            dropped(getattr(self.rnn, f"weight_hh_{suffix}"), factors),
                            getattr(self.rnn, f"bias_ih_{suffix}"),
                            getattr(self.rnn, f"bias_hh_{suffix}")]
            rows = slice(layer * directions, (layer + 1) * directions)
            begin = tuple(part[rows].contiguous() for part in state)
            x, *end = getattr(torch._VF, self.recipe.cell)(
                x, begin if self.recipe.cell == "lstm" else begin[0], weights, True, 1, 0.0, False,
                self.recipe.bidirectional, False)
            last.append(end)
            if masks.layers is not None and layer + 1 < self.recipe.num_layers:
                x = x * masks.layers[layer][:, streams]
        return x, tuple(torch.cat(parts) for parts in zip(*last, strict=True))

    def forward(self, inputs, state, masks, streams):
        if self.recipe.embedding_size > 0:
            factors = None if masks.input is None else masks.input[streams]
            x = dropped(self.embedding(inputs), factors)
        else:
            x = nn.functional.one_hot(inputs, SHAPE["V"]).to(self.dense.bias.dtype)
        x, state = self.recur(x, state, masks, streams)
        x = dropped(x, None if masks.output is None else masks.output[streams])
        if self.is_projected:
            x = self.projection(x)
        return self.dense(x).view(-1, SHAPE["V"]), state


def decays(name, recipe):
    """Whether weight decay acts on a parameter: on matrices that are no embedding."""
    is_lookup = recipe.embedding_size == 0 and name.startswith("rnn.weight_ih_l0")
    return "weight" in name and not name.startswith("embedding.") and not is_lookup


def optimizer_of(model, recipe):
    decaying = {"params": [], "weight_decay": recipe.weight_decay}
    others = {"params": [], "weight_decay": 0}
    for name, parameter in model.named_parameters():
        (decaying if decays(name, recipe) else others)["params"].append(parameter)
    betas = (0 if recipe.no_momentum else 0.9, recipe.beta2)
    return torch.optim.AdamW([decaying, others], lr=base.LEARNING_RATE, betas=betas)


def scheduler_of(optimizer, recipe):
    warmup = recipe.warmup_steps
    rise = LambdaLR(optimizer, lambda step: min(1, (step + 1) / max(1, warmup)))
    if recipe.schedule == "constant":
        return rise
    if warmup == 0:
        return CosineAnnealingLR(optimizer, NUM_STEPS)
    cosine = CosineAnnealingLR(optimizer, NUM_STEPS - warmup)
    return SequentialLR(optimizer, [rise, cosine], [warmup])


def averaged_of(model, recipe):
    """The moving average. Its first update copies the weights before the first step."""
    def average(old, new, num_steps):
        keep = min(recipe.average_decay, (1 + num_steps) / (10 + num_steps))
        return keep * old + (1 - keep) * new

    averaged = AveragedModel(model, avg_fn=average)
    averaged.update_parameters(model)
    return averaged


def zero_state(recipe, dtype):
    rows = recipe.num_layers * (2 if recipe.bidirectional else 1)
    zeros = torch.zeros(rows, SHAPE["B"], SHAPE["H"], dtype=dtype)
    return (zeros, zeros) if recipe.cell == "lstm" else (zeros,)


def accumulate(model, inputs, targets, state, masks, num_shards):
    """Gradient accumulation over blocks of streams, one after another. Returns the mean loss and
    the state after the batch."""
    model.zero_grad()
    loss, ends, width = 0.0, [], SHAPE["B"] // num_shards
    for first in range(0, SHAPE["B"], width):
        streams = slice(first, first + width)
        begin = tuple(part[:, streams].detach() for part in state)
        logits, end = model(inputs[:, streams], begin, masks, streams)
        part = nn.CrossEntropyLoss(reduction="sum")(logits, targets[:, streams].reshape(-1))
        part = part / targets.numel()
        part.backward()
        loss += part.item()
        ends.append(end)
    return loss, tuple(torch.cat(parts, dim=1) for parts in zip(*ends, strict=True))


class Run:
    """Everything that one seed determines, in float32 and in float64 from the same weights."""

    def __init__(self, recipe, seed):
        torch.manual_seed(seed)
        self.recipe = recipe
        self.weights = base.named(RecipeModel(recipe), lambda p: p)
        if recipe.embedding_size > 0:
            self.weights["embedding.weight"] *= 0.3
        length = SHAPE["B"] * (SHAPE["batches"] * SHAPE["T"] + 1)
        self.corpus = base.corpus(length, SHAPE["V"])

    def model(self, dtype):
        model = RecipeModel(self.recipe).to(dtype)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(self.weights[name])
        return model

    def train(self, dtype, clip_norm):
        recipe, model = self.recipe, self.model(dtype)
        optimizer, averaged = optimizer_of(model, recipe), averaged_of(model, recipe)
        scheduler = scheduler_of(optimizer, recipe)
        losses, norms, rates, first = [], [], [], None
        for _ in range(SHAPE["epochs"]):
            state = zero_state(recipe, dtype)
            for inputs, targets in base.consecutive(self.corpus, SHAPE["B"], SHAPE["T"]):
                masks = Masks(recipe, len(losses), dtype)
                loss, after = accumulate(model, inputs, targets, state, masks, 1)
                if recipe.num_shards > 1:
                    whole = base.named(model, lambda p: p.grad)
                    loss, after = accumulate(model, inputs, targets, state, masks,
                                             recipe.num_shards)
                    apart = base.error(base.named(model, lambda p: p.grad), whole)
                    assert apart < base.GRADIENT_ERROR, f"accumulation: differs by {apart}"
                state = after
                first = first or base.named(model, lambda p: p.grad)
                norms.append(base.grad_clipping(list(model.parameters()), clip_norm))
                rates.append(optimizer.param_groups[0]["lr"])
                losses.append(loss)
                optimizer.step()
                scheduler.step()
                averaged.update_parameters(model)
        results = {
            "losses": torch.tensor(losses),
            "norms": torch.tensor(norms),
            "rates": torch.tensor(rates, dtype=torch.float64),
            "first_gradients": first,
            "weights_after_10_steps": base.named(model, lambda p: p),
        }
        if recipe.average_decay > 0:
            results["average_after_10_steps"] = base.named(averaged.module, lambda p: p)
        return results


def is_good_reference(training, precise, clip_norm):
    norms = training["norms"]
    clipped = (norms > clip_norm).sum().item()
    return (0 < clipped < NUM_STEPS and (norms / clip_norm - 1).abs().min() > 1e-3
            and base.error(training["first_gradients"], precise["first_gradients"])
            < base.GRADIENT_ERROR and base.error(training, precise) < base.GRADIENT_ERROR)


def make(recipe, date):
    for seed in itertools.count(1):
        run = Run(recipe, seed)
        clip_norm = run.train(torch.float32, float("inf"))["norms"].median().item()
        clip_norm = float(f"{clip_norm * 1.02:.3g}")
        training = run.train(torch.float32, clip_norm)
        precise = run.train(torch.float64, clip_norm)
        if is_good_reference(training, precise, clip_norm):
            break
    return {
        "provenance": base.provenance(date, seed),
        **dataclasses.asdict(recipe),
        **{name: SHAPE[name] for name in ("V", "H", "B", "T", "epochs")},
        "learning_rate": base.LEARNING_RATE,
        "clip_norm": clip_norm,
        "weights": base.as_json(run.weights),
        "corpus": base.as_json(run.corpus),
        "training": base.as_json(training),
    }


def make_plateau(date):
    """The learning rates after epochs whose validation loss falls, stays and rises."""
    seed, num_epochs = 3, 40
    torch.manual_seed(seed)
    losses = (5 / (1 + 0.2 * torch.arange(num_epochs)) + 0.4 * torch.rand(num_epochs)).double()
    losses[20:24] = losses[:20].min()  # equal is not better
    losses[30:] += 1
    optimizer = torch.optim.Adam([nn.Parameter(torch.zeros(1))], lr=base.LEARNING_RATE)
    schedule = ReduceLROnPlateau(optimizer, factor=0.5, patience=2, threshold=0)
    rates = []
    for loss in losses:
        schedule.step(loss.item())
        rates.append(optimizer.param_groups[0]["lr"])
    rates = torch.tensor(rates, dtype=torch.float64)
    return {"provenance": base.provenance(date, seed), "learning_rate": base.LEARNING_RATE,
            "losses": base.as_json(losses), "rates": base.as_json(rates)}


# Dynamic evaluation: texts that are shorter than a segment, as long as several, and between.
DYNAMIC = {
    "gru": Recipe("gru", 2, embedding_size=ODD_E, tied=True, no_momentum=True),
    "lstm": Recipe("lstm", no_momentum=True),
}
LENGTHS = (4, 2 * SHAPE["T"] + 1, 3 * SHAPE["T"] + 3, 40)


def score_dynamically(model, recipe, texts):
    """Scores each text from the zero state. A segment is scored, and then learned. Returns the
    sums of nats."""
    optimizer, nats = optimizer_of(model, recipe), []
    for ids in texts:
        state, total = zero_state(recipe, model.dense.bias.dtype), 0.0
        state = tuple(part[:, :1].contiguous() for part in state)
        for first in range(0, len(ids) - 1, SHAPE["T"]):
            segment = ids[first : first + SHAPE["T"] + 1, None]
            logits, state = model(segment[:-1], tuple(part.detach() for part in state),
                                  Masks(recipe, 0, model.dense.bias.dtype), slice(0, 1))
            loss = nn.CrossEntropyLoss()(logits, segment[1:].reshape(-1))
            total += loss.item() * (len(segment) - 1)
            model.zero_grad()
            loss.backward()
            base.grad_clipping(list(model.parameters()), 1)
            optimizer.step()
        nats.append(total)
    return torch.tensor(nats, dtype=torch.float64)


def make_dynamic(recipe, date):
    for seed in itertools.count(1):
        run = Run(recipe, seed)
        texts = run.corpus[: sum(LENGTHS)].split(LENGTHS)
        single, double = (score_dynamically(run.model(dtype), recipe, texts)
                          for dtype in (torch.float32, torch.float64))
        if base.error(single, double) < base.GRADIENT_ERROR:
            break
    return {"provenance": base.provenance(date, seed), **dataclasses.asdict(recipe),
            **{name: SHAPE[name] for name in ("V", "H", "T")}, "rate": base.LEARNING_RATE,
            "weights": base.as_json(run.weights), "corpus": base.as_json(torch.cat(texts)),
            "lengths": list(LENGTHS), "nats": base.as_json(single)}


def write_files(folder, date):
    base.write_golden(folder / "plateau.json", make_plateau(date))
    for name, recipe in DYNAMIC.items():
        base.write_golden(folder / f"dynamic_{name}.json", make_dynamic(recipe, date))
    for name, recipe in RECIPES.items():
        golden = make(recipe, date)
        path = folder / f"recipe_{name}.json"
        base.write_golden(path, golden)
        losses = golden["training"]["losses"]
        print(f"{path.name}: {path.stat().st_size} bytes, seed {golden['provenance']['seed']}, "
              f"loss {losses[0]:.4f} to {losses[-1]:.4f}, clip_norm {golden['clip_norm']}")
