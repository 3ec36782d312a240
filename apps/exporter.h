// ft-exporter's parts: exporter.c serves, exporter_page.c writes the page.
#pragma once
#include <stdio.h>

#include "apps/telemetry_client.h"

// Asks every running application, and writes what they answer in Prometheus' text format (0.0.4): all of
// one metric together, a line for each application, which is named by the label "application". An
// application that does not answer has fourtuple_up 0 and nothing else.
void ft_exporter_write_page(FILE *to);

// The same of these applications, which it hangs up on.
void ft_exporter_write_answers(FILE *to, const struct ft_app *apps, int count);
