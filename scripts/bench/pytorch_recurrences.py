"""Recurrences as hand-written autograd functions, PyTorch's fastest way to run them on a CPU.

Each function takes the input's part of the gates for the whole sequence, so that a time step only
adds h W_hh. The backward pass computes dW_hh in one product over all time steps, where autograd
would add it up step by step. It also prepares the derivatives of all gates for the whole sequence
at once. The order of the gates is PyTorch's.
"""

import torch
from torch.autograd import Function


def recurrent_weight_gradient(dgates, h):
    """dgates (T,B,G*H), h (T+1,B,H)"""
    return dgates.flatten(0, 1).t() @ h[:-1].flatten(0, 1)


class PlainRecurrence(Function):
    """rnn_tanh and rnn_relu. gates (T,B,H) include both biases. h0 (B,H) gets no gradient."""

    @staticmethod
    def forward(ctx, gates, w_hh, h0, is_relu):
        h = gates.new_empty(gates.shape[0] + 1, *h0.shape)
        h[0] = h0
        w, steps = w_hh.t(), h.unbind(0)
        for t, gate in enumerate(gates.unbind(0)):
            torch.addmm(gate, steps[t], w, out=steps[t + 1])
            steps[t + 1].relu_() if is_relu else steps[t + 1].tanh_()
        ctx.save_for_backward(h, w_hh)
        ctx.is_relu = is_relu
        return h[1:]

    @staticmethod
    def backward(ctx, doutputs):
        h, w_hh = ctx.saved_tensors
        slopes = (h[1:] > 0).to(h.dtype) if ctx.is_relu else 1 - h[1:] ** 2
        dgates = torch.empty_like(doutputs, memory_format=torch.contiguous_format)
        steps, slopes, douts = dgates.unbind(0), slopes.unbind(0), doutputs.unbind(0)
        torch.mul(douts[-1], slopes[-1], out=steps[-1])
        for t in range(len(steps) - 2, -1, -1):
            torch.addmm(douts[t], steps[t + 1], w_hh, out=steps[t]).mul_(slopes[t])
        return dgates, recurrent_weight_gradient(dgates, h), None, None


class LstmRecurrence(Function):
    """gates (T,B,4*H) include both biases. h0 and c0 (B,H) get no gradient. Returns the outputs and
    the last c.
    """

    @staticmethod
    def forward(ctx, gates, w_hh, h0, c0):
        T, (B, H) = gates.shape[0], h0.shape
        h, c = gates.new_empty(T + 1, B, H), gates.new_empty(T + 1, B, H)
        tanh_c, gates_out = gates.new_empty(T, B, H), torch.empty_like(gates)
        h[0], c[0] = h0, c0
        w, h_steps, c_steps, tanh_steps = w_hh.t(), h.unbind(0), c.unbind(0), tanh_c.unbind(0)
        steps_of_gates = zip(gates.unbind(0), gates_out.unbind(0), strict=True)
        for t, (gate, out) in enumerate(steps_of_gates):
            torch.addmm(gate, h_steps[t], w, out=out)
            out[:, : 2 * H].sigmoid_()
            out[:, 2 * H : 3 * H].tanh_()
            out[:, 3 * H :].sigmoid_()
            i, f, g, o = out.chunk(4, 1)
            torch.mul(f, c_steps[t], out=c_steps[t + 1]).addcmul_(i, g)
            torch.tanh(c_steps[t + 1], out=tanh_steps[t])
            torch.mul(o, tanh_steps[t], out=h_steps[t + 1])
        ctx.save_for_backward(h, c, tanh_c, gates_out, w_hh)
        last_c = c[T]
        ctx.mark_non_differentiable(last_c)
        return h[1:], last_c

    @staticmethod
    def backward(ctx, doutputs, _):
        h, c, tanh_c, gates_out, w_hh = ctx.saved_tensors
        T, B, H = doutputs.shape
        i, f, g, o = gates_out.view(T, B, 4, H).unbind(2)
        # First dgates holds the factors of dc (for i, f and g) and of dh (for o).
        dgates = torch.empty_like(gates_out)
        d_i, d_f, d_g, d_o = dgates.view(T, B, 4, H).unbind(2)
        torch.mul(g, i - i * i, out=d_i)
        torch.mul(c[:-1], f - f * f, out=d_f)
        torch.mul(i, 1 - g * g, out=d_g)
        torch.mul(tanh_c, o - o * o, out=d_o)
        dc_by_dh = (o * (1 - tanh_c * tanh_c)).unbind(0)
        steps, douts, forget = dgates.unbind(0), doutputs.unbind(0), f.unbind(0)
        dh, dc = douts[-1], torch.zeros_like(c[0])
        for t in range(T - 1, -1, -1):
            if t < T - 1:
                dh = torch.addmm(douts[t], steps[t + 1], w_hh)
            dc.addcmul_(dh, dc_by_dh[t])
            steps[t].view(B, 4, H)[:, :3].mul_(dc.unsqueeze(1))
            steps[t][:, 3 * H :].mul_(dh)
            dc.mul_(forget[t])
        return dgates, recurrent_weight_gradient(dgates, h), None, None


class GruRecurrence(Function):
    """gates (T,B,3*H) include b_ih only, because r multiplies b_hh in n. h0 gets no gradient."""

    @staticmethod
    def forward(ctx, gates, w_hh, b_hh, h0):
        T, (B, H) = gates.shape[0], h0.shape
        h, gates_out = gates.new_empty(T + 1, B, H), torch.empty_like(gates)
        from_h, product = gates.new_empty(T, B, H), gates.new_empty(B, 3 * H)
        h[0] = h0
        w, steps, from_h_steps = w_hh.t(), h.unbind(0), from_h.unbind(0)
        steps_of_gates = zip(gates.unbind(0), gates_out.unbind(0), strict=True)
        for t, (gate, out) in enumerate(steps_of_gates):
            torch.addmm(b_hh, steps[t], w, out=product)
            from_h_steps[t].copy_(product[:, 2 * H :])
            torch.add(gate[:, : 2 * H], product[:, : 2 * H], out=out[:, : 2 * H]).sigmoid_()
            r, z, n = out.chunk(3, 1)
            torch.addcmul(gate[:, 2 * H :], r, from_h_steps[t], out=n).tanh_()
            torch.lerp(n, steps[t], z, out=steps[t + 1])
        ctx.save_for_backward(h, gates_out, from_h, w_hh)
        return h[1:]

    @staticmethod
    def backward(ctx, doutputs):
        h, gates_out, from_h, w_hh = ctx.saved_tensors
        T, B, H = doutputs.shape
        r, z, n = gates_out.view(T, B, 3, H).unbind(2)
        # First dgates and dproducts hold the factors of dh. Those of n in dproducts include r.
        dgates = torch.empty_like(gates_out)
        d_r, d_z, d_n = dgates.view(T, B, 3, H).unbind(2)
        torch.mul(1 - z, 1 - n * n, out=d_n)
        torch.mul(d_n * from_h, r - r * r, out=d_r)
        torch.mul(h[:-1] - n, z - z * z, out=d_z)
        dproducts = dgates.clone()
        dproducts[..., 2 * H :].mul_(r)
        steps, product_steps = dgates.unbind(0), dproducts.unbind(0)
        douts, keep = doutputs.unbind(0), z.unbind(0)
        dh = douts[-1]
        for t in range(T - 1, -1, -1):
            if t < T - 1:
                dh = torch.addmm(torch.addcmul(douts[t], dh, keep[t + 1]), product_steps[t + 1],
                                 w_hh)
            steps[t].view(B, 3, H).mul_(dh.unsqueeze(1))
            product_steps[t].view(B, 3, H).mul_(dh.unsqueeze(1))
        return dgates, recurrent_weight_gradient(dproducts, h), dproducts.sum((0, 1)), None
