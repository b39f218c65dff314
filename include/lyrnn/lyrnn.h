/* All public headers. README.md in this folder gives the order to read them in. */
#ifndef LYRNN_LYRNN_H
#define LYRNN_LYRNN_H

#include "lyrnn/backend.h"
#include "lyrnn/batches.h"
#include "lyrnn/beam.h"
#include "lyrnn/cell.h"
#include "lyrnn/checkpoint.h"
#include "lyrnn/clusters.h"
#include "lyrnn/copies.h"
#include "lyrnn/corpus.h"
#include "lyrnn/device.h"
#include "lyrnn/evaluate.h"
#include "lyrnn/generate.h"
#include "lyrnn/line_rules.h"
#include "lyrnn/model.h"
#include "lyrnn/parameters.h"
#include "lyrnn/philox.h"
#include "lyrnn/prompt.h"
#include "lyrnn/rnn.h"
#include "lyrnn/safetensors.h"
#include "lyrnn/score.h"
#include "lyrnn/status.h"
#include "lyrnn/text_report.h"
#include "lyrnn/train.h"
#include "lyrnn/trainer.h"
#include "lyrnn/trainer_snapshot.h"
#include "lyrnn/tune.h"
#include "lyrnn/version.h"
#include "lyrnn/vocab.h"
#include "lyrnn/watcher.h"

#endif
