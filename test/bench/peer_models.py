"""The models of models.ts in PyTorch, and how the weights of TensorFlow.js go into them."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(28, 128, batch_first=True)
        # TensorFlow.js has one bias; two that learn would move it twice as fast.
        self.lstm.bias_hh_l0.requires_grad_(False)
        self.head = nn.Linear(128, 10)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x):
        batch, times, width = x.shape
        split = self.project(self.norm1(x)).view(batch, times, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, times, width))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate='tanh'))


class Gpt(nn.Module):
    def __init__(self, vocabulary=65, context=128, width=128, heads=4, layers=4):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(context, width)
        self.blocks = nn.Sequential(*[Block(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, tokens):
        times = torch.arange(tokens.shape[1], device=tokens.device)
        return self.head(self.norm(self.blocks(self.tokens(tokens) + self.positions(times))))


def mlp(*sizes):
    layers = []
    for inputs, units in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, units), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def cnn():
    first = nn.Linear(64 * 11 * 11, 128)
    # TensorFlow.js flattens [11, 11, 64], PyTorch [64, 11, 11].
    first.flattened = (11, 11, 64)
    return nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.Flatten(),
                         first, nn.ReLU(), nn.Linear(128, 10))


MODELS = {
    'tiny': lambda: mlp(784, 32, 10),
    'mlp': lambda: mlp(784, 512, 512, 10),
    'deep': lambda: mlp(784, *[64] * 21, 10),
    'cnn': cnn,
    'lstm': Lstm,
    'gpt': Gpt,
}


def load(net, weights):
    """Puts weights in TensorFlow.js's layout and order into a net, in place."""
    weights = iter(weights)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Linear):
                kernel = next(weights)
                if hasattr(module, 'flattened'):
                    kernel = kernel.view(*module.flattened, -1).permute(2, 0, 1, 3).flatten(0, 2)
                module.weight.copy_(kernel.T)
            elif isinstance(module, nn.Conv2d):
                module.weight.copy_(next(weights).permute(3, 2, 0, 1))
            elif isinstance(module, nn.LSTM):
                # The gates come in the same order: in, forget, cell, out.
                module.weight_ih_l0.copy_(next(weights).T)
                module.weight_hh_l0.copy_(next(weights).T)
                module.bias_ih_l0.copy_(next(weights))
                module.bias_hh_l0.zero_()
            elif isinstance(module, (nn.Embedding, nn.LayerNorm)):
                module.weight.copy_(next(weights))
            else:
                continue
            if getattr(module, 'bias', None) is not None and not isinstance(module, nn.LSTM):
                module.bias.copy_(next(weights))
    if next(weights, None) is not None:
        raise ValueError('more weights than the net has room for')
