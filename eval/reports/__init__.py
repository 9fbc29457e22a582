"""How results are shown.

charts, learning_charts     what charts and maps show, as numbers
text_table                  what tables of text show, as text
tables                      both in a terminal
html, html_parts, svg       both on an HTML page
figures                     charts and maps as PNG, with matplotlib
variants                    what an ablation found
format, colours, ticks      what all of them share
"""
