"""A trained network applied to prepared faces: the one place where logits become probabilities.

Shape suffixes: B batch, C channel, H height, W width, L landmark, D coordinate, K class.

The evaluation and the live page both answer through `Classifier`, so a published score is the page's score.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fusion_model.checkpoint import Card, load_checkpoint
from fusion_model.mirror import mirror_landmarks
from fusion_model.network import ExpressionNetwork
from fusion_model.preprocess import FaceInputs, standardise


@dataclass(frozen=True)
class Classifier:
    """A network with its card.

    Attributes
    ----------
    network : in evaluation mode, on `device`.
    card : its labels, temperature and preprocessing.
    device : where it runs.
    """

    network: ExpressionNetwork
    card: Card
    device: torch.device

    @classmethod
    def load(cls, path: Path, device: str = "cpu") -> "Classifier":
        """From ``….safetensors`` and its card; CheckpointError where that fails."""
        network, card = load_checkpoint(path)
        network = network.to(memory_format=torch.channels_last).to(device)
        return cls(network, card, torch.device(device))

    def logits(self, faces: Sequence[FaceInputs], *, mirrored: bool = True) -> np.ndarray:
        """Logits, float32 (B, K), before the temperature.

        Parameters
        ----------
        faces : B of them; none is fine
        mirrored : average with the answer for the mirrored face (flip test-time augmentation)
        """
        if not faces:
            return np.zeros((0, len(self.card.labels)), np.float32)
        crops_BHW = np.stack([face.crop_HW for face in faces])
        landmarks_BLD = np.stack([face.landmarks_LD for face in faces])
        found_B = np.array([face.mesh_found for face in faces])
        if mirrored:
            crops_BHW = np.concatenate([crops_BHW, crops_BHW[:, :, ::-1]])
            landmarks_BLD = np.concatenate([landmarks_BLD, mirror_landmarks(landmarks_BLD)])
            found_B = np.tile(found_B, 2)
        with torch.inference_mode():
            logits = self.network(*self._tensors(crops_BHW, landmarks_BLD, found_B)).float().cpu().numpy()
        return logits.reshape(2, len(faces), -1).mean(axis=0) if mirrored else logits

    def probabilities(self, faces: Sequence[FaceInputs], *, mirrored: bool = True) -> np.ndarray:
        """Calibrated probabilities, float64 (B, K), rows summing to 1."""
        return softmax(self.logits(faces, mirrored=mirrored), self.card.temperature)

    def _tensors(self, crops_BHW: np.ndarray, landmarks_BLD: np.ndarray, found_B: np.ndarray) -> list[Tensor]:
        pixels_BCHW = torch.from_numpy(standardise(crops_BHW)).to(self.device)
        return [
            pixels_BCHW.contiguous(memory_format=torch.channels_last),
            torch.from_numpy(landmarks_BLD).to(self.device),
            torch.from_numpy(found_B).to(self.device),
        ]


def softmax(logits_BK: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities, float64 (B, K), of logits divided by a temperature."""
    scaled_BK = logits_BK.astype(np.float64) / temperature
    powers_BK = np.exp(scaled_BK - scaled_BK.max(axis=1, keepdims=True, initial=-np.inf))
    return powers_BK / powers_BK.sum(axis=1, keepdims=True)
