#include "@header@"

const tvmbnn_linked @variable@ = {
    @manifest@,
    "@prefix@",
};
