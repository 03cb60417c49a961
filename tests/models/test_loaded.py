"""Several threads can use one loaded network, and networks share a common backbone."""

from __future__ import annotations

from dioptre.models.loading import load_model


def test_networks_on_one_backbone_hold_it_once() -> None:
    depth, subject = load_model("dioptre-depth-small"), load_model("dioptre-subject")
    kernels = [network.state["backbone"]["patch"]["kernel"].get_value() for network in (depth, subject)]
    assert kernels[0].unsafe_buffer_pointer() == kernels[1].unsafe_buffer_pointer()
