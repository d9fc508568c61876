"""Laws of every model in conf/model; a new file there is tested without being named here."""

import copy
import inspect
from importlib import import_module
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

CONF = Path(__file__).parents[2] / "conf" / "model"
NAMES = sorted(path.stem for path in CONF.glob("*.yaml"))
SUPPLIED = {"make_clip", "in_channels", "image_size", "num_classes", "generator"}


class Clamp(nn.Module):
    """A clip that remembers, from its making only, how many channels it was promised."""

    def __init__(self, *, num_features):
        super().__init__()
        self.num_features = num_features
        self.upper = nn.Parameter(torch.ones(num_features, 1, 1))

    def forward(self, x):
        assert x.shape[1] == self.num_features
        upper = self.upper.to(x.dtype).view(-1, *[1] * (x.dim() - 2))
        return torch.minimum(torch.maximum(x, -upper), upper)


def load(name):
    node = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))
    module, _, attribute = node.pop("_target_").rpartition(".")
    return getattr(import_module(module), attribute), node


def build(name, *, in_channels=1, image_size=8, num_classes=10, seed=0, **changed):
    family, keys = load(name)
    return family(
        make_clip=Clamp,
        in_channels=in_channels,
        image_size=image_size,
        num_classes=num_classes,
        generator=torch.Generator().manual_seed(seed),
        **{**keys, **changed},
    )


def images(count=4, channels=1, size=8):
    return torch.randn(count, channels, size, size, generator=torch.Generator().manual_seed(9))


def sites(model):
    return {
        path: m
        for path, m in model.named_modules()
        if isinstance(m.__dict__["_modules"].get("clip"), nn.Module)
    }


@pytest.mark.parametrize("name", NAMES)
class TestEveryModel:
    @pytest.mark.parametrize("size", [8, 28, 32])
    @pytest.mark.parametrize(("channels", "classes"), [(1, 10), (3, 100)])
    def test_maps_images_to_logits(self, name, size, channels, classes):
        model = build(name, in_channels=channels, image_size=size, num_classes=classes)
        logits = model(images(2, channels, size))
        assert logits.shape == (2, classes)
        assert logits.isfinite().all()
        logits.square().sum().backward()
        assert all(p.grad.isfinite().all() for p in model.parameters())

    def test_the_file_states_every_own_key_with_its_default(self, name):
        family, keys = load(name)
        own = {
            key: list(p.default) if isinstance(p.default, tuple) else p.default
            for key, p in inspect.signature(family).parameters.items()
            if key not in SUPPLIED
        }
        assert keys == own

    def test_what_code_supplies_has_no_default(self, name):
        parameters = inspect.signature(load(name)[0]).parameters
        for key in SUPPLIED:
            assert parameters[key].kind is inspect.Parameter.KEYWORD_ONLY
            assert parameters[key].default is inspect.Parameter.empty

    def test_every_clip_has_a_site_and_none_is_shared(self, name):
        model = build(name)
        clips = [m for m in model.modules() if isinstance(m, Clamp)]
        assert len({id(site.clip) for site in sites(model).values()}) == len(sites(model))
        assert len(clips) == len(sites(model)) > 0
        parameters = [p for m in model.modules() for p in m.parameters(recurse=False)]
        assert len({p.data_ptr() for p in parameters}) == len(parameters)

    @pytest.mark.parametrize("size", [8, 28, 32])
    def test_a_pool_is_there_only_where_it_pools(self, name, size):
        model = build(name, image_size=size)
        shapes = {}
        for path, site in sites(model).items():
            if getattr(site, "pool", None) is not None:
                site.pool.register_forward_hook(
                    lambda _, args, out, path=path: shapes.update(
                        {path: (args[0].shape, out.shape)}
                    )
                )
        model(images(2, size=size))
        assert all(before != after for before, after in shapes.values())
        assert shapes.keys() == {p for p, s in sites(model).items() if getattr(s, "pool", None)}

    def test_evaluation_writes_nothing_and_spares_its_input(self, name):
        model = build(name).eval()
        before = copy.deepcopy(model.state_dict())
        x = images()
        kept = x.clone()
        attributes = {path: set(vars(module)) for path, module in model.named_modules()}
        with torch.no_grad():
            first, second = model(x), model(x)
        assert torch.equal(first, second)
        assert torch.equal(x, kept)
        assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
        assert attributes == {path: set(vars(module)) for path, module in model.named_modules()}

    def test_no_activation_works_in_place(self, name):
        model = build(name)
        seen = []
        for module in model.modules():
            if isinstance(module, Clamp):
                module.register_forward_hook(
                    lambda _, args, out: seen.append((args[0], args[0].clone(), out, out.clone()))
                )
        model(images())
        assert all(torch.equal(a, b) and torch.equal(c, d) for a, b, c, d in seen)

    def test_the_same_seed_is_the_same_model(self, name):
        one, two = build(name, seed=3).state_dict(), build(name, seed=3).state_dict()
        assert all(torch.equal(one[key], two[key]) for key in one)

    @pytest.mark.parametrize("batch_norm", [False, True])
    def test_layers_before_a_norm_have_no_bias(self, name, batch_norm):
        model = build(name, batch_norm=batch_norm)
        for site in sites(model).values():
            layer = next(m for m in site.modules() if isinstance(m, nn.Linear | nn.Conv2d))
            assert (layer.bias is None) == batch_norm == (site.norm is not None)
        assert model.head.bias is not None

    def test_half_precision_runs_through(self, name):
        model = build(name).to(torch.bfloat16)
        assert model(images().bfloat16()).dtype == torch.bfloat16

    @pytest.mark.parametrize("batch_norm", [False, True])
    def test_stacked_seeds_equal_separate_ones(self, name, batch_norm):
        models = [build(name, seed=s, batch_norm=batch_norm).double() for s in range(3)]
        parameters, buffers = stack_module_state(models)
        skeleton = copy.deepcopy(models[0]).to("meta")
        x = images(5).double()

        def loss(params, buffers, x):
            return functional_call(skeleton, (params, buffers), (x,)).square().sum()

        gradients = vmap(torch.func.grad(loss), in_dims=(0, 0, None))(parameters, buffers, x)
        for index, model in enumerate(models):
            model(x).square().sum().backward()
            for key, parameter in model.named_parameters():
                torch.testing.assert_close(
                    gradients[key][index], parameter.grad, rtol=1e-8, atol=1e-8
                )
            for key, buffer in model.named_buffers():  # running statistics moved in both
                torch.testing.assert_close(buffers[key][index], buffer)
