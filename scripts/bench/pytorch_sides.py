"""The two PyTorch sides of the benchmark: the article's script, and the ways to do the same faster.

Each trainer makes its model of one pair of nn.RNN (nn.LSTM, nn.GRU) and nn.Linear, so that all begin
with the same weights, and returns a function that trains for one epoch and gives its mean loss. The
model's parameters, the batches, clipping and Adam are the article's throughout. The CUDA ways were
written on a machine without a GPU and have not been run.
"""

import contextlib

import torch
import torch.nn.functional as F
from torch import nn

from pytorch_recurrences import GruRecurrence, LstmRecurrence, PlainRecurrence

LEARNING_RATE = 1e-3
CLIP_NORM = 1e-2


def recurrent_module(cell, input_size, hidden_size, num_layers=1):
    if cell in ("lstm", "gru"):
        return {"lstm": nn.LSTM, "gru": nn.GRU}[cell](input_size, hidden_size, num_layers)
    return nn.RNN(input_size, hidden_size, num_layers, nonlinearity=cell.removeprefix("rnn_"))


def initial_model(shape, weights=None):
    """The recurrent layers and the output layer, with weights of lyrnn's names or PyTorch's own."""
    rnn = recurrent_module(shape.cell, shape.vocab_size, shape.hidden_size, shape.num_layers)
    model = nn.ModuleDict({"rnn": rnn, "dense": nn.Linear(shape.hidden_size, shape.vocab_size)})
    if weights is not None:
        model.load_state_dict(weights)
    return model["rnn"], model["dense"]


def streams_in_batches(ids, shape):
    """(B,T) inputs and targets, one batch after the other (consecutive sampling)."""
    B, T = shape.batch_size, shape.num_steps
    streams = ids[: len(ids) // B * B].view(B, -1)
    for start in range(0, (streams.shape[1] - 1) // T * T, T):
        yield streams[:, start : start + T], streams[:, start + 1 : start + 1 + T]


def numeric_precision(precision):
    """Where to run forward and loss; what lyrnn's --precision says."""
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    if precision == "bf16":
        return lambda: torch.autocast("cuda", dtype=torch.bfloat16)
    return contextlib.nullcontext


# ---- the article's script ------------------------------------------------------------------------


def one_hot(ids, vocab_size):
    vectors = torch.zeros(ids.shape[0], vocab_size, device=ids.device)
    return vectors.scatter_(1, ids.view(-1, 1), 1)


class ArticleModel(nn.Module):
    def __init__(self, rnn, dense):
        super().__init__()
        self.rnn, self.dense = rnn, dense

    def forward(self, inputs, state):
        """inputs (B,T)"""
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


def article_trainer(rnn, dense, ids, shape, precision):
    model = ArticleModel(rnn, dense)
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


# ---- PyTorch at its best: the model --------------------------------------------------------------
#
# How characters meet layer 1's W_ih and who runs the recurrence differs. forward takes inputs (T,B)
# and a state of (L,B,H) tensors, h or h and c; it returns logits (T*B,V) and the next state.


class OneHotAtOnce(nn.Module):
    """PyTorch's own module fed by one scatter over the whole sequence."""

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
    """PyTorch's own module over gathered rows of W_ih, its own input weights fixed to the identity."""

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
    """W_ih looked up by character, no product at all; the time steps are ours (run_layer)."""

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
        return self.dense(below.flatten(0, 1)), [torch.stack(part) for part in zip(*next_state)]


class GatherOwnFunction(Gather):
    """The recurrence as an autograd function of our own."""

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
    """A product and one fused kernel a step, those behind nn.LSTMCell and nn.GRUCell; CUDA only."""

    def run_layer(self, gates, w_hh, b_ih, b_hh, state):
        cell = {"lstm": torch.ops.aten._thnn_fused_lstm_cell,
                "gru": torch.ops.aten._thnn_fused_gru_cell}[self.cell]
        outputs, w = [], w_hh.t()
        for gate in gates.unbind(0):
            *state, _ = cell(gate, state[0] @ w, state[-1], b_ih, b_hh)
            outputs.append(state[0])
        return torch.stack(outputs), *state


# ---- PyTorch at its best: the step ---------------------------------------------------------------


def adam(parameters, **options):
    """Fused where this PyTorch has it for the device, else all parameters in one call."""
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
    """The step as a CUDA graph, as PyTorch's notes ask: first some steps on a stream aside, and no
    gradients before the capture, so that backward makes them in the graph's own memory. What those
    steps trained is put back, in place."""
    initial = [p.detach().clone() for p in parameters]
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            optimizer.zero_grad(set_to_none=True)
            step()
    torch.cuda.current_stream().wait_stream(aside)
    optimizer.zero_grad(set_to_none=True)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    with torch.no_grad():
        for parameter, value in zip(parameters, initial):
            parameter.copy_(value)
        for moments in optimizer.state.values():
            for moment in moments.values():
                moment.zero_()
    return graph


def graph_trainer(way):
    """CUDA only: the whole step captured once, then replayed on batches copied to its inputs."""

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
            for part, next_part in zip(state, next_state):
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
    """Ways to write the same training, by name."""
    models = {"gather, own autograd function": GatherOwnFunction,
              "gather, PyTorch's module": GatherIntoModule,
              "one-hot in one call, PyTorch's module": OneHotAtOnce}
    if device == "cpu":
        return {name: best_trainer(model) for name, model in models.items()}
    if cell in ("lstm", "gru"):
        models["gather, fused cell by step"] = GatherFusedCell
    captured = {f"{name}, CUDA graph": graph_trainer(model) for name, model in models.items()}
    return {**captured, "gather, PyTorch's module, no graph": best_trainer(GatherIntoModule)}
