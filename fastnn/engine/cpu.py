"""The engine of this machine's processor: compiled kernels, on as many threads as pay."""

from fastnn.engine.base import Engine
from fastnn.engine.objective import CpuObjective
from fastnn.engine.predictor import CpuPredictor, predict_at_once
from fastnn.engine.stepper import CpuStepper
from fastnn.engine.threads import one_thread_blas

CPU = Engine(CpuStepper, CpuObjective, CpuPredictor, predict_at_once, one_thread_blas)
