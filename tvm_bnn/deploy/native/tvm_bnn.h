/* Running a bundle of tvm-bnn from C, or from any language that can call C.
 *
 * A bundle is a folder that `tvm-bnn compile` wrote. Nothing of it is executed before its files have been compared with
 * their checksums and this machine with what the bundle needs.
 *
 * Every function that can fail returns a status; tvmbnn_last_error() then has one line of text for people. All functions
 * may be called from several threads at the same time, with the same network too.
 */
#ifndef TVM_BNN_H
#define TVM_BNN_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define TVMBNN_API __attribute__((visibility("default")))
#else
#define TVMBNN_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The same numbers as the exit codes of the program `tvm-bnn`. */
typedef enum {
  TVMBNN_OK = 0,
  TVMBNN_INTERNAL = 1,    /* a defect, or no memory left */
  TVMBNN_BAD_INPUT = 2,   /* not a bundle, a damaged one, or an array of the wrong shape, type or strides */
  TVMBNN_UNSUPPORTED = 4, /* this machine, or TVM's runtime on it, is not what the bundle needs */
} tvmbnn_status;

/* A loaded bundle. */
typedef struct tvmbnn_network tvmbnn_network;

/* Zeros are good defaults. */
typedef struct {
  int threads;         /* cores that one call may use; 0: as many as the bundle was compiled for */
  const char* runtime; /* folder of TVM's runtime libraries; NULL: of the bundle, else where the system finds them */
} tvmbnn_options;

/* An array of the caller. */
typedef struct {
  void* data;
  const char* dtype;      /* such as "uint8" */
  int ndim;
  const int64_t* shape;   /* ndim extents */
  const int64_t* strides; /* ndim distances, counted in elements; NULL: no gaps */
} tvmbnn_array;

/* A network that is a part of this program: `tvm-bnn compile --emit static` makes a library and a header with one. */
typedef struct {
  const char* manifest; /* what the network is, JSON */
  const char* prefix;   /* of the names of its functions */
} tvmbnn_linked;

/* What goes in or comes out. */
typedef struct {
  const char* dtype;
  const char* layout; /* one letter an axis: "NHWC" */
  int ndim;
  const int64_t* shape;
} tvmbnn_contract;

typedef struct {
  const char* name;
  uint8_t color[3]; /* red, green, blue */
} tvmbnn_class;

/* What a bundle is. All of it lives as long as the network. */
typedef struct {
  const char* name;
  const char* width;
  const char* target;
  const char* version; /* of tvm-bnn that made it */
  int trained;         /* 0: the weights are random */
  int threads;         /* that a call uses */
  tvmbnn_contract input;
  tvmbnn_contract output;
  size_t class_count;
  const tvmbnn_class* classes; /* by label */
} tvmbnn_description;

/* Check and load the bundle in a folder. `options` may be NULL. */
TVMBNN_API tvmbnn_status tvmbnn_open(const char* bundle, const tvmbnn_options* options, tvmbnn_network** network);

/* The same for a network that is a part of this program, as TVM's runtime then is: `options.runtime` is not used. */
TVMBNN_API tvmbnn_status tvmbnn_open_linked(const tvmbnn_linked* linked, const tvmbnn_options* options,
                                            tvmbnn_network** network);

TVMBNN_API tvmbnn_status tvmbnn_describe(const tvmbnn_network* network, const tvmbnn_description** description);

/* Run one picture [H, W, 3], or several [N, H, W, 3], one after the other.
 *
 * Rows and pictures may be apart by strides; pixels may not. The result has the shape of the contract for one picture,
 * without its first axis for one and with N there for several, and no gaps.
 */
TVMBNN_API tvmbnn_status tvmbnn_run(tvmbnn_network* network, const tvmbnn_array* pictures, const tvmbnn_array* result);

/* Release a network once no call uses it any more. NULL is allowed. */
TVMBNN_API void tvmbnn_close(tvmbnn_network* network);

/* What went wrong last in this thread: one line. It lives until this thread's next call that fails. */
TVMBNN_API const char* tvmbnn_last_error(void);

#ifdef __cplusplus
}
#endif

#endif
