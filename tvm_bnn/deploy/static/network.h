/* @title@ for @target@, as a part of a program: open it with tvmbnn_open_linked(&@variable@, ...). */
#ifndef TVM_BNN_@guard@_H
#define TVM_BNN_@guard@_H

#include "tvm_bnn.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const tvmbnn_linked @variable@;

#ifdef __cplusplus
}
#endif

#endif
