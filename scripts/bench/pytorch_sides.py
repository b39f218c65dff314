"""The two PyTorch sides of the benchmark: the tutorial's script, and faster ways to do the same.

Each trainer builds its model from the same nn.RNN (or nn.LSTM, nn.GRU) and nn.Linear, so that all
models start with the same weights. It returns a function that trains for one epoch and returns the
mean loss. All trainers use the tutorial's parameters, batches, gradient clipping and Adam. The CUDA
ways were written on a machine without a GPU and have never run.
"""

import contextlib

import torch
import torch.nn.functional as F
from torch import nn

from pytorch_recurrences import GruRecurrence, LstmRecurrence, PlainRecurrence

LEARNING_RATE = 1e-3
CLIP_NORM = 1e-2

# Before any side changes them. The environment may set them too, as in any script of a user.
DEFAULT_ALLOW_TF32 = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32


def recurrent_module(cell, input_size, hidden_size, num_layers=1):
    if cell in ("lstm", "gru"):
        return {"lstm": nn.LSTM, "gru": nn.GRU}[cell](input_size, hidden_size, num_layers)
    return nn.RNN(input_size, hidden_size, num_layers, nonlinearity=cell.removeprefix("rnn_"))


def initial_model(shape, weights=None):
    """The recurrent layers and the output layer. weights use lyrnn's names; None keeps PyTorch's
    random weights.
    """
    rnn = recurrent_module(shape.cell, shape.vocab_size, shape.hidden_size, shape.num_layers)
    model = nn.ModuleDict({"rnn": rnn, "dense": nn.Linear(shape.hidden_size, shape.vocab_size)})
    if weights is not None:
        model.load_state_dict(weights)
    return model["rnn"], model["dense"]


def streams_in_batches(ids, shape):
    """Yields the (B,T) inputs and targets of each batch in order (consecutive sampling)."""
    B, T = shape.batch_size, shape.num_steps
    streams = ids[: len(ids) // B * B].view(B, -1)
    for start in range(0, (streams.shape[1] - 1) // T * T, T):
        yield streams[:, start : start + T], streams[:, start + 1 : start + 1 + T]


def numeric_precision(precision):
    """The context in which to run the forward pass and the loss, for lyrnn's --precision or for
    "default". By default cuDNN, which runs nn.RNN, may use TF32 on a GPU that has it, and other
    matrix products may not.
    """
    of_precision = precision == "tf32", precision == "tf32"
    (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) = (
        DEFAULT_ALLOW_TF32 if precision == "default" else of_precision)
    if precision == "bf16":
        return lambda: torch.autocast("cuda", dtype=torch.bfloat16)
    return contextlib.nullcontext


# ---- the tutorial's script -----------------------------------------------------------------------


def one_hot(ids, vocab_size):
    vectors = torch.zeros(ids.shape[0], vocab_size, device=ids.device)
    return vectors.scatter_(1, ids.view(-1, 1), 1)


class TutorialModel(nn.Module):
    def __init__(self, rnn, dense):
        super().__init__()
        self.rnn, self.dense = rnn, dense

    def forward(self, inputs, state):
        """inputs (B,T). Returns logits (T*B,V) and the next state."""
        steps = [one_hot(inputs[:, t], self.rnn.input_size) for t in range(inputs.shape[1])]
        outputs, state = self.rnn(torch.stack(steps), state)
        return self.dense(outputs.view(-1, outputs.shape[-1])), state


def clip_by_hand(parameters):
    norm = torch.zeros(1, device=parameters[0].device)
    for parameter in parameters:
        norm += (parameter.grad**2).sum()
    norm = norm.sqrt().item()
    if norm > CLIP_NORM:
        for parameter in parameters:
            parameter.grad *= CLIP_NORM / norm


def tutorial_trainer(rnn, dense, ids, shape, precision):
    model = TutorialModel(rnn, dense)
    parameters = list(model.parameters())
    optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE)
    cross_entropy = nn.CrossEntropyLoss()

    def epoch():
        state, loss_sum, count = None, 0.0, 0
        for inputs, targets in streams_in_batches(ids, shape):
            if isinstance(state, tuple):
                state = (state[0].detach(), state[1].detach())
            elif state is not None:
                state = state.detach()
            targets = targets.transpose(0, 1).contiguous().view(-1)
            with precision():
                logits, state = model(inputs, state)
                loss = cross_entropy(logits, targets)
            optimizer.zero_grad()
            loss.backward()
            clip_by_hand(parameters)
            optimizer.step()
            loss_sum += loss.item() * targets.shape[0]
            count += targets.shape[0]
        return loss_sum / count

    return epoch


# ---- the best PyTorch: the model -----------------------------------------------------------------
#
# The ways differ in how they apply layer 1's W_ih to the characters, and in what runs the
# recurrence. forward takes inputs (T,B) and a state of (L,B,H) tensors: h, or h and c. It returns
# logits (T*B,V) and the next state.


class OneHotAtOnce(nn.Module):
    """PyTorch's own module. One scatter makes the one-hot vectors of the whole sequence."""

    def __init__(self, rnn, dense, cell):
        super().__init__()
        self.rnn, self.dense, self.cell = rnn, dense, cell

    def layer_1_input(self, inputs):
        vectors = torch.zeros(*inputs.shape, self.rnn.input_size, device=inputs.device)
        return vectors.scatter_(2, inputs.unsqueeze(-1), 1)

    def forward(self, inputs, state):
        outputs, state = self.rnn(self.layer_1_input(inputs),
                                  state if self.cell == "lstm" else state[0])
        return (self.dense(outputs.flatten(0, 1)),
                state if self.cell == "lstm" else (state,))


class GatherIntoModule(OneHotAtOnce):
    """PyTorch's own module, whose input is rows of W_ih. Its own input weights are the identity and
    are not trained.
    """

    def __init__(self, rnn, dense, cell):
        rows = rnn.weight_ih_l0.detach()
        super().__init__(recurrent_module(cell, rows.shape[0], rnn.hidden_size, rnn.num_layers),
                         dense, cell)
        self.table = nn.Parameter(rows.t().contiguous())
        self.rnn.load_state_dict({**rnn.state_dict(), "weight_ih_l0": torch.eye(rows.shape[0])})
        self.rnn.to(rows.device)
        self.rnn.weight_ih_l0.requires_grad_(False)

    def layer_1_input(self, inputs):
        return F.embedding(inputs, self.table)


class Gather(nn.Module):
    """Looks up W_ih by character, without a product. Subclasses run the time steps (run_layer)."""

    def __init__(self, rnn, dense, cell):
        super().__init__()
        self.cell, self.num_layers = cell, rnn.num_layers
        self.table = nn.Parameter(rnn.weight_ih_l0.detach().t().contiguous())
        self.weights = nn.ParameterDict({name: value.detach().clone()
                                         for name, value in rnn.named_parameters()
                                         if name != "weight_ih_l0"})
        self.dense = dense

    def forward(self, inputs, state):
        below, next_state = None, []
        for layer in range(self.num_layers):
            w_hh, b_ih, b_hh = (self.weights[f"{name}_l{layer}"]
                                for name in ("weight_hh", "bias_ih", "bias_hh"))
            gates = (F.embedding(inputs, self.table) if layer == 0 else
                     F.linear(below, self.weights[f"weight_ih_l{layer}"]))
            below, *last = self.run_layer(gates, w_hh, b_ih, b_hh, [s[layer] for s in state])
            next_state.append(last)
        return (self.dense(below.flatten(0, 1)),
                [torch.stack(part) for part in zip(*next_state, strict=True)])


class GatherOwnFunction(Gather):
    """The recurrence is a hand-written autograd function."""

    def run_layer(self, gates, w_hh, b_ih, b_hh, state):
        if self.cell == "lstm":
            outputs, c = LstmRecurrence.apply(gates + (b_ih + b_hh), w_hh, *state)
            return outputs, outputs[-1].detach(), c
        if self.cell == "gru":
            outputs = GruRecurrence.apply(gates + b_ih, w_hh, b_hh, *state)
        else:
            outputs = PlainRecurrence.apply(gates + (b_ih + b_hh), w_hh, *state,
                                            self.cell == "rnn_relu")
        return outputs, outputs[-1].detach()


class GatherFusedCell(Gather):
    """One product and one fused kernel per time step: the kernels of nn.LSTMCell and nn.GRUCell.
    Works only on CUDA.
    """

    def run_layer(self, gates, w_hh, b_ih, b_hh, state):
        cell = {"lstm": torch.ops.aten._thnn_fused_lstm_cell,
                "gru": torch.ops.aten._thnn_fused_gru_cell}[self.cell]
        outputs, w = [], w_hh.t()
        for gate in gates.unbind(0):
            *state, _ = cell(gate, state[0] @ w, state[-1], b_ih, b_hh)
            outputs.append(state[0])
        return torch.stack(outputs), *state


# ---- the best PyTorch: the training step ---------------------------------------------------------


def adam(parameters, **options):
    """Adam in one fused kernel if this PyTorch has it for the device; otherwise foreach."""
    try:
        optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=True, **options)
    except RuntimeError:
        optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE, foreach=True, **options)
    return optimizer


def zero_state(ids, shape):
    return [torch.zeros(shape.num_layers, shape.batch_size, shape.hidden_size, device=ids.device)
            for _ in range(2 if shape.cell == "lstm" else 1)]


def time_major_batches(ids, shape):
    return [(inputs.t().contiguous(), targets.t().reshape(-1))
            for inputs, targets in streams_in_batches(ids, shape)]


def best_trainer(way):
    def trainer(rnn, dense, ids, shape, precision):
        model = way(rnn, dense, shape.cell)
        parameters = [p for p in model.parameters() if p.requires_grad]
        optimizer = adam(parameters)
        batches = time_major_batches(ids, shape)

        def epoch():
            state, loss_sum = zero_state(ids, shape), torch.zeros((), device=ids.device)
            for inputs, targets in batches:
                with precision():
                    logits, state = model(inputs, state)
                    loss = F.cross_entropy(logits, targets)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
                optimizer.step()
                state = [part.detach() for part in state]
                loss_sum += loss.detach()
            return loss_sum.item() / len(batches)

        return epoch

    return trainer


def capture(step, optimizer, parameters):
    """Captures the step as a CUDA graph in the way that PyTorch's CUDA notes describe. A few steps
    run on a side stream first. Then the gradients are dropped, so that the captured backward pass
    creates them in the graph's memory. Finally the parameters and Adam's moments get their initial
    values back, in place.
    """
    initial = [p.detach().clone() for p in parameters]
    side_stream = torch.cuda.Stream()
    side_stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side_stream):
        for _ in range(3):
            optimizer.zero_grad(set_to_none=True)
            step()
    torch.cuda.current_stream().wait_stream(side_stream)
    optimizer.zero_grad(set_to_none=True)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    with torch.no_grad():
        for parameter, value in zip(parameters, initial, strict=True):
            parameter.copy_(value)
        for moments in optimizer.state.values():
            for moment in moments.values():
                moment.zero_()
    return graph


def graph_trainer(way):
    """Captures the whole step once and replays it for each batch, after copying the batch to the
    graph's inputs. Works only on CUDA.
    """

    def trainer(rnn, dense, ids, shape, precision):
        model = way(rnn, dense, shape.cell)
        parameters = [p for p in model.parameters() if p.requires_grad]
        optimizer = adam(parameters, capturable=True)
        batches = time_major_batches(ids, shape)
        inputs, targets = batches[0][0].clone(), batches[0][1].clone()
        state, loss_sum = zero_state(ids, shape), torch.zeros((), device=ids.device)

        def step():
            with precision():
                logits, next_state = model(inputs, state)
                loss = F.cross_entropy(logits, targets)
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
            optimizer.step()
            for part, next_part in zip(state, next_state, strict=True):
                part.copy_(next_part.detach())
            loss_sum.add_(loss.detach())

        graph = capture(step, optimizer, parameters)

        def epoch():
            for tensor in (*state, loss_sum):
                tensor.zero_()
            for batch_inputs, batch_targets in batches:
                inputs.copy_(batch_inputs)
                targets.copy_(batch_targets)
                graph.replay()
            return loss_sum.item() / len(batches)

        return epoch

    return trainer


def ways(device, cell):
    """The trainers of "best" for this device and cell, by name."""
    models = {"gather, own autograd function": GatherOwnFunction,
              "gather, PyTorch's module": GatherIntoModule,
              "one-hot in one call, PyTorch's module": OneHotAtOnce}
    if device == "cpu":
        return {name: best_trainer(model) for name, model in models.items()}
    if cell in ("lstm", "gru"):
        models["gather, fused cell by step"] = GatherFusedCell
    captured = {f"{name}, CUDA graph": graph_trainer(model) for name, model in models.items()}
    return {**captured, "gather, PyTorch's module, no graph": best_trainer(GatherIntoModule)}
