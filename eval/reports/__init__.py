"""How results are shown.

charts, learning_charts     what charts and maps show, as numbers
layout                      the one table, and how it fits a terminal
text_table                  what tables show in a terminal and on a page alike
tables                      what tables show in a terminal only
html, html_parts, svg       both on an HTML page
figures                     charts and maps as PNG, with matplotlib
variants                    what an ablation found
format, colours, ticks      what all of them share
"""
