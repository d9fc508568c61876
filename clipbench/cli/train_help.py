"""``clipbench train --help``: the groups with their options, the keys, examples.

Read from the folder of the configuration, because composing one only to show its help is slow.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

from clipbench.cli.conf_dir import conf_dir, option_names

HELP = """\
clipbench train trains a small network under a clip and records what it does.

usage: clipbench train [GROUP=OPTION ...] [KEY=VALUE ...] [-m] [--cfg job] [--config-dir DIR]

Choose one of each group (clipbench ls shows what each one is):

{groups}

Change any key (clipbench train --cfg job shows them all):

  seed num_seeds name trust
  trainer.{{epochs,batch_size,device,log_every}}
  optim.{{lr,weight_decay,threshold_lr_scale,threshold_weight_decay}}
  model.{{widths,batch_norm,init}}  data.{{root,val_size,split_seed,augment,offline}}
  clip.{{init,per,positivity}}  grad_clip.{{max_norm,norm_type}}
  regularizer.{{strength,start,full}}
  with -m: sweep.{{points,zip,params,skip_invalid,fail_fast,retries,timeout,rerun}}
           sweep.{{jobs_at_once,jobs_per_gpu}}  hydra/launcher=basic|joblib|submitit_local|
           submitit_slurm|ray

flags:
  -m, --multirun    run every combination of listed values: clip=relu,prelu seed=0,1,2
  --dry-run         list the jobs, done and to do, and stop
  -c, --cfg job     show the composed configuration and stop
  --config-dir DIR  add a folder with options of your own
  --hydra-help      Hydra's own flags

examples:
  clipbench train model=cnn clip=learnable
  clipbench train data=fashion_mnist clip=prelu clip.per=channel trainer.epochs=5
  clipbench train -m clip=learnable,prelu,relu num_seeds=5 name=study hydra/launcher=joblib
  clipbench train -m 'sweep.points=[{{clip: relu, optim.lr: 0.01}}, {{clip: silu}}]'
  clipbench train experiment=clip_vs_relu
  clipbench train clip=gradient grad_clip.max_norm=0.5
  clipbench train model=cnn clip=learnable --cfg job
"""


def train_help(config_dir: str | None) -> str:
    """Return the help, with the options that ``--config-dir`` adds."""
    folders = [conf_dir()] if config_dir is None else [conf_dir(), Path(config_dir)]
    groups = sorted({path.name for folder in folders for path in folder.iterdir() if path.is_dir()})
    lines = []
    for group in groups:
        names = sorted({name for folder in folders for name in option_names(folder, group)})
        if names:
            head, rest = f"  {group:<11} ", " " * 14
            lines.append(fill(", ".join(names), 98, initial_indent=head, subsequent_indent=rest))
    return HELP.format(groups="\n".join(lines))
