/* Labels every pixel of one picture: raw RGB of the network's size on stdin, raw labels on stdout. */
#include <stdio.h>
#include <stdlib.h>

#include "@header@"

/* One line for people, and the status as the exit code. */
static int told(tvmbnn_status status) {
  if (status != TVMBNN_OK) fprintf(stderr, "example: %s\n", tvmbnn_last_error());
  return (int)status;
}

static int segment(tvmbnn_network* network) {
  const tvmbnn_description* what = NULL;
  tvmbnn_describe(network, &what);
  const int64_t* size = what->input.shape + 1;
  const size_t pixels = (size_t)(size[0] * size[1]);
  uint8_t* picture = malloc(3 * pixels);
  uint8_t* labels = malloc(pixels);
  int status = TVMBNN_BAD_INPUT;
  if (picture != NULL && labels != NULL && fread(picture, 1, 3 * pixels, stdin) == 3 * pixels) {
    const tvmbnn_array input = {picture, "uint8", 3, size, NULL};
    const tvmbnn_array output = {labels, "uint8", 2, size, NULL};
    status = told(tvmbnn_run(network, &input, &output));
    if (status == TVMBNN_OK) fwrite(labels, 1, pixels, stdout);
  } else {
    fprintf(stderr, "example: expected %zu bytes on stdin\n", 3 * pixels);
  }
  free(picture);
  free(labels);
  return status;
}

int main(void) {
  tvmbnn_network* network = NULL;
  int status = told(tvmbnn_open_linked(&@variable@, NULL, &network));
  if (status == TVMBNN_OK) status = segment(network);
  tvmbnn_close(network);
  return status;
}
